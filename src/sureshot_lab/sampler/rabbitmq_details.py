"""Unacknowledged messages, rates and memory of the broker's queues, by its own tools."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from sureshot_lab.errors import ToolMissing
from sureshot_lab.sampler.command import run_command
from sureshot_lab.sampler.http_get import HttpGet
from sureshot_lab.sampler.rates import Rates
from sureshot_lab.sampler.source import Pace, Source, SourceUnreadable

MANAGEMENT_PORT = 15672
MANAGEMENT_EVERY_S = 5.0
"""The broker itself gathers its statistics every 5 s."""
CONTROL_EVERY_S = 30.0
"""Each call starts an Erlang machine: 1.2 s of CPU, so 4 % of a core at the lowest priority."""
CONTROL_TIMEOUT_S = 10.0
LOCAL = ("127.0.0.1", "localhost", "::1")
COLUMNS = ("name", "messages_unacknowledged", "memory")
RATES = {"published": "publish", "delivered": "deliver_get", "acked": "ack"}


class RabbitMQDetails(Source):
    """Sums over *queues*: ``rabbitmq.unacked``, ``.memory_bytes`` and, where there is the
    management API, ``.published_per_s``, ``.delivered_per_s``, ``.acked_per_s``.

    The API is asked at *management_url* (default: the broker's host, port 15672, the same
    user) every 5 s. Where nobody listens there and the broker is on this machine,
    *control*, which is ``rabbitmqctl``, is asked every 30 s, unless it is None; it needs
    the rights of root or of the broker's user, and tells no rates. Between its times, a
    read returns nothing.
    """  # noqa: D205 - one list of names

    name = "rabbitmq details"

    def __init__(
        self,
        url: str,
        queues: Sequence[str],
        management_url: str | None = None,
        control: str | None = "rabbitmqctl",
    ) -> None:
        parts = urlsplit(url)
        self._queues = tuple(queues)
        self._vhost = unquote(parts.path[1:]) or "/"
        self._local = parts.hostname in LOCAL
        credentials = (parts.netloc.rpartition("@")[0] or "guest:guest") + "@"
        own = f"http://{credentials}{_bracketed(parts.hostname)}:{MANAGEMENT_PORT}"
        self._management = HttpGet(management_url or own)
        self._given = management_url is not None
        self._control = control
        self._pace = Pace(MANAGEMENT_EVERY_S)
        self._control_pace = Pace(CONTROL_EVERY_S)
        self._rates = Rates()

    async def read(self) -> dict[str, float]:
        """Return the figures when it is time. Raises ``SourceUnreadable``, ``ToolMissing``."""
        if not self._pace.due():
            return {}
        try:
            return await self._ask_management()
        except SourceUnreadable as error:
            nobody_listens = isinstance(error.__cause__, ConnectionRefusedError)
            if self._given or not (self._local and nobody_listens):
                raise
        if self._control is None:
            raise SourceUnreadable(
                f"nobody listens at the management port {MANAGEMENT_PORT}: run `rabbitmq-plugins "
                "enable rabbitmq_management`, or give --rabbitmqctl"
            )
        return await self._ask_control(self._control) if self._control_pace.due() else {}

    async def close(self) -> None:
        """Disconnect."""
        await self._management.close()

    async def _ask_management(self) -> dict[str, float]:
        queues, at_s = [], time.monotonic()
        for queue in self._queues:
            path = f"/api/queues/{quote(self._vhost, safe='')}/{quote(queue, safe='')}"
            queues.append(_object(await self._management.fetch(path)))
        sums = _sums(queues)
        if not sums:
            # Nothing gathered yet; counting that as 0 would make a burst of what comes next.
            return {}
        counted = [queue.get("message_stats", {}) for queue in queues]
        totals = {
            ours: float(sum(stats.get(theirs, 0) for stats in counted))
            for ours, theirs in RATES.items()
        }
        rates = self._rates.per_s(totals, at_s)
        return sums | {f"rabbitmq.{name}": value for name, value in rates.items()}

    async def _ask_control(self, control: str) -> dict[str, float]:
        if shutil.which(control) is None:
            raise ToolMissing(
                f"nobody listens at the management port {MANAGEMENT_PORT} and there is no "
                f"{control}; run `rabbitmq-plugins enable rabbitmq_management`"
            )
        command = ["nice", "-n", "19", control, "-q", "list_queues", "-p", self._vhost]
        told = await run_command([*command, *COLUMNS, "--formatter", "json"], CONTROL_TIMEOUT_S)
        queues = [queue for queue in json.loads(told) if queue["name"] in self._queues]
        if len(queues) < len(set(self._queues)):
            raise SourceUnreadable(f"the broker has no queue {', '.join(self._queues)} (yet)")
        return _sums(queues)


def _object(body: bytes) -> dict[str, Any]:
    found = json.loads(body)
    if not isinstance(found, dict):
        raise SourceUnreadable("the management API answers with something else than a queue")
    return found


def _sums(queues: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return what is known of all *queues*; a new queue has no statistics for some seconds."""
    names = {"rabbitmq.unacked": "messages_unacknowledged", "rabbitmq.memory_bytes": "memory"}
    return {
        ours: float(sum(queue[theirs] for queue in queues))
        for ours, theirs in names.items()
        if all(isinstance(queue.get(theirs), int) for queue in queues)
    }


def _bracketed(host: str | None) -> str:
    return f"[{host}]" if host and ":" in host else host or "127.0.0.1"
