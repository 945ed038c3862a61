"""The sender: a pool of kept-alive connections, dials when it must, deadlines by sweep."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from sureshot.delivery.connection import Connection
from sureshot.delivery.dialler import DialError, Dialler, Resolve, resolve_name
from sureshot.delivery.exchange import Exchange
from sureshot.delivery.sender_limits import SenderLimits
from sureshot.delivery.tls import Egress
from sureshot.domain.address import AddressPolicy
from sureshot.domain.model import ErrorKind, Outcome
from sureshot.domain.url import Target
from sureshot.ports import Clock, OutgoingRequest

SWEEP_S = 0.25
"""How often deadlines are looked at: an attempt may run over by this much."""


class HttpSender:
    """``ports.Sender`` over HTTP/1.1.

    With an idle connection at hand the request is on the wire when ``send``
    returns. Without one it waits in its origin's line, and a dial is started
    for it; whichever comes first, the new connection or another that falls
    idle, serves the head of the line.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        clock: Clock,
        limits: SenderLimits | None = None,
        egress: Egress | None = None,
        resolve: Resolve = resolve_name,
    ) -> None:
        self._clock = clock
        self._limits = limits or SenderLimits()
        self._dialler = Dialler(policy, self._limits, egress or Egress(), resolve)
        self._idle: dict[str, list[Connection]] = {}
        self._idle_count = 0
        self._busy: dict[Connection, None] = {}
        self._lines: dict[str, deque[Exchange]] = {}
        self._to_dial: deque[Target] = deque()
        self._dials: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    # -- ports.Sender -------------------------------------------------------

    def send(self, request: OutgoingRequest, on_outcome: Callable[[Outcome], None]) -> None:
        """See ``Sender.send``."""
        exchange = Exchange(request, on_outcome, self._clock.monotonic())
        if self._closed:
            exchange.fail(ErrorKind.SENDER_CLOSED, "shutting down", exchange.began_s)
            return
        if self._sweep is None:
            self._arm_sweep()
        idle = self._idle.get(request.target.origin)
        while idle:
            connection = idle.pop()
            self._idle_count -= 1
            if connection.usable:
                self._busy[connection] = None
                connection.begin(exchange)
                return
        self._line_up(exchange)

    async def close(self) -> None:
        """See ``Sender.close``."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        dials = list(self._dials)
        for task in dials:
            task.cancel()
        for connection in [*self._busy, *(c for idle in self._idle.values() for c in idle)]:
            connection.abort(ErrorKind.SENDER_CLOSED)
        now_s = self._clock.monotonic()
        for line in self._lines.values():
            while line:
                line.popleft().fail(ErrorKind.SENDER_CLOSED, "shutting down", now_s)
        self._idle.clear()
        await asyncio.gather(*dials, return_exceptions=True)
        # One turn of the loop for the transports to close their sockets.
        await asyncio.sleep(0)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._busy) + self._idle_count

    # -- connection.ConnectionOwner -----------------------------------------

    def went_idle(self, connection: Connection) -> None:
        """Serve the head of the line, or keep the connection for later."""
        line = self._lines.get(connection.origin)
        while line:
            exchange = line.popleft()
            if not exchange.settled:
                connection.begin(exchange)
                return
        self._busy.pop(connection, None)
        if self._closed or self._idle_count >= self._limits.max_idle_connections:
            connection.abort()
            return
        connection.idle_since_s = self._clock.monotonic()
        idle = self._idle.get(connection.origin)
        if idle is None:
            idle = self._idle[connection.origin] = []
        idle.append(connection)
        self._idle_count += 1

    def went_away(self, connection: Connection) -> None:
        """Forget a connection that closed."""
        self._busy.pop(connection, None)
        idle = self._idle.get(connection.origin)
        if idle and connection in idle:
            idle.remove(connection)
            self._idle_count -= 1
            if not idle:
                del self._idle[connection.origin]

    def send_again(self, exchange: Exchange) -> None:
        """Send on a fresh connection what met a closing one."""
        if self._closed:
            exchange.fail(ErrorKind.SENDER_CLOSED, "shutting down", self._clock.monotonic())
        else:
            self._line_up(exchange)

    # -- dialling -----------------------------------------------------------

    def _line_up(self, exchange: Exchange) -> None:
        target = exchange.request.target
        line = self._lines.get(target.origin)
        if line is None:
            line = self._lines[target.origin] = deque()
        line.append(exchange)
        self._to_dial.append(target)
        self._start_dials()

    def _start_dials(self) -> None:
        loop = asyncio.get_running_loop()
        while self._to_dial and len(self._dials) < self._limits.max_dials:
            target = self._to_dial.popleft()
            if self._lines.get(target.origin):
                task = loop.create_task(self._dial(target))
                self._dials.add(task)
                task.add_done_callback(self._dial_ended)

    def _dial_ended(self, task: asyncio.Task[None]) -> None:
        self._dials.discard(task)
        if not self._closed:
            self._start_dials()

    async def _dial(self, target: Target) -> None:
        connection = Connection(target.origin, self, self._clock, self._limits)
        try:
            await self._dialler.dial(target, connection)
        except DialError as error:
            self._fail_head(target.origin, error)
            return
        self._busy[connection] = None
        if connection.usable:
            self.went_idle(connection)
        else:
            self.went_away(connection)
            self._fail_head(
                target.origin, DialError(ErrorKind.DISCONNECTED, "closed right after connecting")
            )

    def _fail_head(self, origin: str, error: DialError) -> None:
        line = self._lines.get(origin)
        while line:
            exchange = line.popleft()
            if not exchange.settled:
                exchange.fail(error.kind, error.detail, self._clock.monotonic())
                break

    # -- deadlines ----------------------------------------------------------

    def _arm_sweep(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep_now)

    def _sweep_now(self) -> None:
        now_s = self._clock.monotonic()
        for connection in [c for c in self._busy if c.deadline_s <= now_s]:
            connection.overdue(now_s)
        self._fail_overdue_lines(now_s)
        self._close_idle(now_s)
        self._sweep = None
        if self._busy or self._lines or self._idle:
            self._arm_sweep()

    def _fail_overdue_lines(self, now_s: float) -> None:
        for origin, line in list(self._lines.items()):
            for exchange in [e for e in line if e.deadline_s <= now_s]:
                exchange.fail(ErrorKind.CONNECT_TIMEOUT, "no connection in time", now_s)
            while line and line[0].settled:
                line.popleft()
            if not line:
                del self._lines[origin]

    def _close_idle(self, now_s: float) -> None:
        oldest_s = now_s - self._limits.idle_timeout_s
        for idle in list(self._idle.values()):
            # Last in, first out: the ones that idle longest are in front.
            stale = [connection for connection in idle if connection.idle_since_s < oldest_s]
            for connection in stale:
                connection.abort()
