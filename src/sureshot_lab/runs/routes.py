"""Every API route, called by one client in turn: latencies that nothing else adds to."""

from __future__ import annotations

import asyncio
import http.client
import json
import math
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sureshot_lab.analysis.estimate import Estimate
from sureshot_lab.analysis.percentiles import percentile
from sureshot_lab.errors import TargetUnreachable
from sureshot_lab.report.figures import number
from sureshot_lab.result import Table
from sureshot_lab.runs.route_list import CALLS, DELETE, LATER, NOW, Call

TIMEOUT_S = 30.0
PERCENTILES = ("p50 ms", "p50 between", "p95 ms", "p95 between", "p99 ms", "p99 between")
LEAST_S = 0.001
KEPT_ROUNDS = 50
"""An endpoint is deleted so many rounds later: deleting it cancels what is under way to it."""


@dataclass
class RouteTimes:
    """Seconds of each call by route, and the calls that were not answered as they should be.

    ``cpu_share``: of one core, what the client's process used while these calls were made.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    accepted_ids: list[str] = field(default_factory=list)
    submitted: int = 0
    cpu_share: float = 0.0

    def table(self) -> Table:
        """Return p50, p95 and p99 of each route in milliseconds, and where each may lie."""
        rows: list[list[str | float | int | None]] = []
        for route, times in sorted(self.seconds.items()):
            found = [percentile(times, percent).scaled(1000) for percent in (50, 95, 99)]
            cells = [cell for one in found for cell in (round(one.value, 3), _bounds(one))]
            rows.append([route, len(times), *cells, self.wrong.get(route, 0)])
        return Table(
            name="routes",
            title="Latency of every route, one client, warm-up dropped, with 95 % intervals",
            columns=["Route", "Calls", *PERCENTILES, "Wrong answers"],
            rows=rows,
        )


class RouteCaller:
    """One client on one kept-alive connection, going through every route again and again.

    ``endpoints`` are those it made and has not deleted. ``stopping`` ends ``run`` early.
    """

    def __init__(
        self, url: str, token: str, admin_token: str | None, sink_url: str, secret: str
    ) -> None:
        """*secret* signs what goes to *sink_url*: the sink must know it."""
        self._parts = urlsplit(url)
        self._token = token
        self._admin_token = admin_token
        self._kept = {"sink": sink_url, "secret": secret, "endpoint": "none"}
        self._connection = self._connect()
        self.times = RouteTimes()
        self.endpoints: deque[str] = deque()
        self.stopping = False
        self._measured_from = 0.0, 0.0

    async def run(self, warm_up_s: float, duration_s: float) -> RouteTimes:
        """Call for *warm_up_s*, forget those times, then for *duration_s*."""
        return await asyncio.to_thread(self._run, warm_up_s, duration_s)

    def _run(self, warm_up_s: float, duration_s: float) -> RouteTimes:
        self._measured_from = time.monotonic(), time.process_time()
        try:
            return self._rounds(warm_up_s, duration_s)
        finally:
            self._connection.close()
            from_s, cpu_from_s = self._measured_from
            lasted_s = max(LEAST_S, time.monotonic() - from_s)
            # The whole process: its threads take turns, so that any of them can hold the client up.
            self.times.cpu_share = (time.process_time() - cpu_from_s) / lasted_s

    def _rounds(self, warm_up_s: float, duration_s: float) -> RouteTimes:
        began_s = time.monotonic()
        warm = False
        while not self.stopping:
            for _step in self._round():
                now_s = time.monotonic() - began_s
                if not warm and now_s > warm_up_s:
                    self.times.seconds.clear()
                    self.times.wrong.clear()
                    self._measured_from = time.monotonic(), time.process_time()
                    warm = True
                if now_s > warm_up_s + duration_s or self.stopping:
                    return self.times
        return self.times

    def _round(self) -> Iterator[None]:
        """Make each call once; what one makes, the next ones use and the last ones remove."""
        self._kept["round"] = uuid.uuid4().hex
        for call in CALLS:
            if call.admin and self._admin_token is None:
                continue
            self._make(call)
            yield
        self.endpoints.append(self._kept["endpoint"])
        if len(self.endpoints) > KEPT_ROUNDS:
            self._kept["oldest"] = self.endpoints.popleft()
            self._make(DELETE)
            yield

    def _make(self, call: Call) -> None:
        answer = self._call(call)
        if call.keeps:
            self._kept[call.keeps] = str(answer.get("id", "none"))
        if call.submits:
            made = answer.get("webhooks", [answer])
            self.times.submitted += call.submits
            self.times.accepted_ids += [one["id"] for one in made if "id" in one]

    def _call(self, call: Call) -> dict[str, Any]:
        token = self._admin_token if call.admin and self._admin_token else self._token
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        payload = None if call.body is None else json.dumps(self._filled(call.body)).encode()
        path = self._parts.path.rstrip("/") + self._filled(call.path)
        began_s = time.perf_counter()
        status, text = self._exchange(call.method, path, payload, headers)
        self.times.seconds[call.route].append(time.perf_counter() - began_s)
        if status != call.status:
            self.times.wrong[call.route] += 1
        try:
            found = json.loads(text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _filled(self, value: Any) -> Any:
        """Return *value* with what was kept, and with the times, in their places."""
        if isinstance(value, dict):
            return {key: self._filled(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._filled(part) for part in value]
        if value == NOW:
            return int(time.time() * 1e6)
        if value == LATER:
            return (datetime.now(UTC) + timedelta(days=1)).isoformat()
        return value.format_map(self._kept) if isinstance(value, str) else value

    def _exchange(
        self, method: str, path: str, payload: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        try:
            self._connection.request(method, path, payload, headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._connection = self._connect()
            if self.stopping:
                return 0, b""
            raise TargetUnreachable(f"{method} {path} was not answered: {error}") from None

    def _connect(self) -> http.client.HTTPConnection:
        parts = self._parts
        kind: Callable[..., http.client.HTTPConnection] = http.client.HTTPConnection
        if parts.scheme == "https":
            kind = http.client.HTTPSConnection
        return kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)


def _bounds(estimate: Estimate) -> str:
    """Return ``0.41 to 0.44``; an end for which the sample is too small is left open."""
    ends = (estimate.low, estimate.high)
    return " to ".join(number(end) if math.isfinite(end) else "?" for end in ends)
