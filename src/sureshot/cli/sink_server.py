"""A receiver under control: counts, verifies signatures, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from sureshot.cli.sink_protocol import Answer, Request, SinkProtocol
from sureshot.clock import SystemClock
from sureshot.domain.secret_key import PRIVATE_PREFIX, PUBLIC_PREFIX, decode_secret, public_key
from sureshot.domain.signature import verify
from sureshot.ports import Clock

BACKLOG = 4096
SLOW_S = 1.0
CLOSING_S = 1.0


class Behaviour(StrEnum):
    """How the sink answers."""

    OK = "ok"
    SLOW = "slow"
    FAILING = "failing"
    FLAKY = "flaky"
    HANGING = "hanging"
    RESET = "reset"


class Receipt(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One line of the ledger.

    ``received_s`` is the monotonic clock, for measuring; ``received_at`` is
    for people. ``status`` is what it is answered with, None for no answer.
    ``problem`` says what is wrong with the signature; None when it is right or
    no secret was given. ``duplicate``: answered with success before.
    """

    webhook_id: str
    received_at: datetime
    received_s: float
    path: str
    size_bytes: int
    status: int | None
    duplicate: bool
    problem: str | None


class SinkServer:
    """An HTTP receiver for trying, testing and measuring; its counters only grow.

    ``received`` counts requests, ``unique`` different webhook ids, ``duplicates``
    webhooks that came again although they were answered with success,
    ``retries`` those that came again after a failure, ``bad_signatures``
    requests none of *secrets* signed (answered 401), ``finished`` requests
    that were answered or whose connection is gone.

    *delay_s* holds every request before it is answered (``slow``: 1 s if left
    out); *status* replaces the behaviour's own. *seed* decides which half of
    its answers ``flaky`` spoils. Raises ``ValueError`` for an unusable secret.
    """

    def __init__(
        self,
        behaviour: Behaviour = Behaviour.OK,
        secrets: Iterable[str] = (),
        *,
        delay_s: float | None = None,
        status: int | None = None,
        on_receipt: Callable[[Receipt], None] | None = None,
        seed: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self._behaviour = behaviour
        self.secrets = tuple(_verifying(secret) for secret in secrets)
        self.delay_s = _usual_delay_s(behaviour) if delay_s is None else delay_s
        self.status = status
        self.received = self.finished = 0
        self.duplicates = self.retries = self.bad_signatures = 0
        self.in_flight = self.max_in_flight = 0
        self.connections = 0
        self.open_connections: set[asyncio.Transport] = set()
        self._succeeded: dict[str, bool] = {}
        self._on_receipt = on_receipt
        self._rng = random.Random(seed)  # noqa: S311 - decides which answers are flaky
        self._clock = clock or SystemClock()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._server: asyncio.Server | None = None

    @property
    def behaviour(self) -> Behaviour:
        """How it answers what comes from now on; setting it sets its usual delay too."""
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.delay_s = _usual_delay_s(behaviour)

    @property
    def unique(self) -> int:
        """How many different webhooks arrived."""
        return len(self._succeeded)

    def has(self, webhook_id: str) -> bool:
        """Return whether this webhook arrived."""
        return webhook_id in self._succeeded

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; return the port. Raises ``OSError`` when the address is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SinkProtocol(self), host, port, backlog=BACKLOG
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening, send what is written, drop every connection."""
        if self._server is None:
            return
        self._server.close()
        for transport in list(self.open_connections):
            transport.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), CLOSING_S)
        for transport in list(self.open_connections):
            transport.abort()
        await self._server.wait_closed()
        self._server = None

    # -- what the protocol calls --------------------------------------------

    def opened(self, transport: asyncio.Transport) -> None:
        """Count a connection."""
        self.connections += 1
        self.open_connections.add(transport)
        self._quiet.clear()

    def closed(self, transport: asyncio.Transport) -> None:
        """Forget a connection."""
        self.open_connections.discard(transport)
        if not self.open_connections:
            self._quiet.set()

    def receive(self, request: Request) -> Answer:
        """Count a request, enter it into the ledger; return how to answer it."""
        self.received += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        webhook_id = request.headers.get("webhook-id", "")
        problem = None
        if self.secrets:
            problem = verify(self.secrets, request.headers, request.body, self._clock.now())
        duplicate = False
        if problem is not None:
            self.bad_signatures += 1
        elif webhook_id:
            duplicate = self._count(webhook_id)
        status = self._status(bad=problem is not None)
        if self._on_receipt is not None:
            receipt = Receipt(
                webhook_id,
                self._clock.now(),
                self._clock.monotonic(),
                request.path,
                len(request.body),
                status,
                duplicate,
                problem,
            )
            self._on_receipt(receipt)
        reset = self.behaviour is Behaviour.RESET
        return Answer(webhook_id, status, reset=reset, good=problem is None)

    def finish(self, answer: Answer, *, answered: bool) -> None:
        """Count the end of a request: *answered*, or its connection is gone."""
        self.in_flight -= 1
        self.finished += 1
        success = answered and answer.good and 200 <= (answer.status or 0) < 300
        if success and answer.webhook_id:
            self._succeeded[answer.webhook_id] = True

    def _count(self, webhook_id: str) -> bool:
        succeeded = self._succeeded.get(webhook_id)
        if succeeded is None:
            self._succeeded[webhook_id] = False
        elif succeeded:
            self.duplicates += 1
        else:
            self.retries += 1
        return bool(succeeded)

    def _status(self, *, bad: bool) -> int | None:
        if self.behaviour in {Behaviour.HANGING, Behaviour.RESET}:
            return None
        if self.status is not None:
            return self.status
        if bad:
            return 401
        if self.behaviour is Behaviour.FAILING:
            return 500
        if self.behaviour is Behaviour.FLAKY and self._rng.random() < 0.5:
            return 503
        return 200


def _usual_delay_s(behaviour: Behaviour) -> float:
    return SLOW_S if behaviour is Behaviour.SLOW else 0.0


def _verifying(secret: str) -> str:
    if secret.startswith(PRIVATE_PREFIX):
        return public_key(secret)
    if not secret.startswith(PUBLIC_PREFIX):
        decode_secret(secret)
    return secret
