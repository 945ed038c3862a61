"""The receivers of a run: decides how each request is answered, and can be put out of order."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.sink.behaviour import OK, UNAUTHORIZED, UNAVAILABLE, Conduct, Reply, assign
from sureshot_lab.sink.config import Mode, SinkConfig
from sureshot_lab.sink.histogram import percentiles_s
from sureshot_lab.sink.ledger import BAD_SIGNATURE, UNVERIFIED
from sureshot_lab.sink.record import Record
from sureshot_lab.sink.request import Request, sent_at_us
from sureshot_lab.sink.stats import Stats
from sureshot_lab.sink.verification import Verifier

SECONDS_TOLD = 60


class Receiver:
    """One endpoint. Without ``conduct`` it answers 200 at once, without ``verifier`` it trusts."""

    __slots__ = ("conduct", "index", "verifier")

    def __init__(self, index: int, conduct: Conduct | None) -> None:
        self.index = index
        self.conduct = conduct
        self.verifier: Verifier | None = None


class Exchange(msgspec.Struct, eq=False):
    """A request that waits for its answer; ``webhook_id`` is empty when it is no receipt."""

    endpoint: int
    webhook_id: bytes
    reply: Reply
    delay_s: float = 0.0
    ready: bool = False
    close: bool = False


class SinkServer:
    """What all connections share. *clock* is monotonic, in seconds; flapping goes by it.

    Raises ``LabError`` for behaviours or secrets that are not right, and when
    *folder* can't be written.
    """

    def __init__(
        self, config: SinkConfig, folder: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._clock = clock
        began_s = clock()
        self._receivers = [
            Receiver(n, None if b is None else Conduct(b, n, config.seed, began_s))
            for n, b in enumerate(assign(config.sink.behaviour, config.endpoints))
        ]
        self.by_path = {b"/e/%d" % receiver.index: receiver for receiver in self._receivers}
        self._secrets: dict[int, Verifier] = {}
        self._default: Verifier | None = None
        self.know_secrets(config.secrets, config.default_secrets)
        self.record = Record(folder, config.lose_every)
        self._mode = Mode.NORMAL
        self._held: list[Callable[[], None]] = []
        self._finished = False
        self.connections: set[asyncio.Transport] = set()
        self._connections_max = self._in_flight = self._in_flight_max = self.unrouted = 0

    # -- what is told to it -------------------------------------------------

    def know_secrets(
        self, secrets: Mapping[int, Sequence[str]], default: Sequence[str] = ()
    ) -> None:
        """Verify with *secrets* by endpoint from now on, endpoints never named with *default*.

        Raises ``LabError`` for an endpoint there is not, or an unusable secret.
        """
        if strangers := [index for index in secrets if not 0 <= index < len(self._receivers)]:
            last = len(self._receivers) - 1
            raise LabError(f"there is no endpoint {strangers[0]}; there are 0 to {last}")
        self._secrets |= {index: Verifier(known) for index, known in secrets.items()}
        self._default = Verifier(default) if default else self._default
        if self._config.sink.verify:
            for receiver in self._receivers:
                receiver.verifier = self._secrets.get(receiver.index, self._default)

    @property
    def mode(self) -> Mode:
        """How it answers now."""
        return self._mode

    def switch(self, mode: Mode) -> None:
        """Answer as *mode* says from now on; what hung is answered when it is over."""
        self._mode = mode
        if mode is not Mode.HANGS:
            held, self._held = self._held, []
            for give in held:
                give()

    async def finish(self) -> Stats:
        """End the ledger; what comes later is refused, because nobody would count it."""
        self._finished = True
        await self.record.end()
        return self.stats()

    async def restart(self) -> None:
        """Forget everything that came so far; what waits for its answer is not counted later."""
        self._in_flight_max, self._connections_max = self._in_flight, len(self.connections)
        self.unrouted = 0
        self._finished = False
        await self.record.restart()

    async def turn(self) -> None:
        """End the ledger and begin the next; nothing is refused. ``LabError`` once finished."""
        if self._finished:
            raise LabError("the ledger has ended; only a reset begins another")
        await self.record.turn()

    def stats(self) -> Stats:
        """Return what was seen up to now."""
        if not self._finished:
            self.record.flush()
        tally = self.record.tally
        p50_s, p95_s, p99_s = percentiles_s(tally.latencies_us, (50, 95, 99))
        return Stats(
            mode=self._mode,
            received=tally.received,
            unique=tally.unique,
            delivered=tally.delivered,
            duplicates=tally.duplicates,
            retries=tally.retries,
            bad_signatures=tally.bad_signatures,
            unverified=tally.unverified,
            unnamed=tally.unnamed,
            unrouted=self.unrouted,
            untimed=tally.untimed,
            in_flight=self._in_flight,
            in_flight_max=max(self._in_flight_max, min(1, tally.received)),
            connections=len(self.connections),
            connections_max=self._connections_max,
            cpu_s=time.process_time(),
            descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            p50_s=p50_s,
            p95_s=p95_s,
            p99_s=p99_s,
            seconds=tally.seconds()[-SECONDS_TOLD:],
            problem=self.record.problem,
        )

    # -- what connections ask -----------------------------------------------

    def opened(self, transport: asyncio.Transport) -> None:
        """Note a connection."""
        self.connections.add(transport)
        self._connections_max = max(self._connections_max, len(self.connections))

    def receive(self, receiver: Receiver, request: Request, *, waits: bool) -> Reply | Exchange:
        """Enter *request*; return the reply to give at once, or what has to wait.

        *waits*: an earlier request of its connection is not answered yet.
        """
        if self._finished:
            late = Exchange(receiver.index, b"", UNAVAILABLE)
            return self._waiting(late) if waits else UNAVAILABLE
        at_us = time.time_ns() // 1000
        verifier = receiver.verifier
        if verifier is not None and not verifier.accepts(request, at_us):
            return self._refuse(receiver, request, at_us, waits=waits)
        reply, delay_s = OK, 0.0
        if self._mode is Mode.FAILS:
            reply = UNAVAILABLE
        elif receiver.conduct is not None:
            reply, delay_s = receiver.conduct.decide(self._clock())
        at_once = not waits and delay_s <= 0 and self._mode is not Mode.HANGS and reply.response
        self.record.ledger.enter(
            request.webhook_id,
            at_us,
            sent_at_us(request.body),
            receiver.index,
            reply.status if at_once else 0,
            UNVERIFIED if verifier is None else 0,
        )
        if at_once:
            return reply
        return self._waiting(Exchange(receiver.index, request.webhook_id, reply, delay_s))

    def answered(self, exchange: Exchange) -> None:
        """Note that *exchange* got its answer."""
        self._in_flight -= 1
        self.record.ledger.enter_answer(
            exchange.webhook_id, time.time_ns() // 1000, exchange.endpoint, exchange.reply.status
        )

    def abandoned(self, exchange: Exchange) -> None:
        """Note that *exchange* never gets one: its connection is gone."""
        del exchange
        self._in_flight -= 1

    def hold(self, give: Callable[[], None]) -> None:
        """Call *give* when the sink no longer hangs."""
        self._held.append(give)

    def _refuse(
        self, receiver: Receiver, request: Request, at_us: int, *, waits: bool
    ) -> Reply | Exchange:
        reply = UNAVAILABLE if self._mode is Mode.FAILS else UNAUTHORIZED
        at_once = not waits and self._mode is not Mode.HANGS
        self.record.ledger.append(
            request.webhook_id,
            at_us,
            sent_at_us(request.body),
            receiver.index,
            reply.status if at_once else 0,
            BAD_SIGNATURE,
        )
        return reply if at_once else self._waiting(Exchange(receiver.index, b"", reply))

    def _waiting(self, exchange: Exchange) -> Exchange:
        self._in_flight += 1
        self._in_flight_max = max(self._in_flight_max, self._in_flight)
        return exchange
