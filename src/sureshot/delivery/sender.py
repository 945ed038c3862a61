"""The sender: a pool of kept-alive connections, dials when it must, deadlines by sweep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sureshot.delivery.connection import Connection
from sureshot.delivery.dialler import DialError, Dialler
from sureshot.delivery.exchange import Exchange
from sureshot.delivery.fair_room import FairRoom
from sureshot.delivery.lookups import Resolve, resolve_name
from sureshot.delivery.origin import Origin
from sureshot.delivery.sender_limits import SenderLimits
from sureshot.delivery.tls import Egress
from sureshot.domain.address import AddressPolicy
from sureshot.domain.model import ErrorKind, Outcome
from sureshot.ports import Clock, OutgoingRequest
from sureshot.telemetry.logging import get_logger

log = get_logger()

SWEEP_S = 0.25
"""How often deadlines are looked at: an attempt may run over by this much."""


class HttpSender:
    """``ports.Sender`` over HTTP/1.1.

    With an idle connection at hand the request is on the wire when ``send``
    returns. Without one it waits in its origin's line; whichever comes first,
    a new connection or one that falls idle, serves the head of the line.
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
        self._origins: dict[str, Origin] = {}
        self._busy: dict[Connection, None] = {}
        self._idle_count = 0
        self._room: FairRoom[Origin] = FairRoom(self._limits.max_dials)
        self._dials: dict[asyncio.Task[None], str] = {}
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
        origin = self._origins.get(request.target.origin)
        if origin is None:
            origin = self._origins[request.target.origin] = Origin(request.target)
        idle = origin.idle
        while idle:
            connection = idle.pop()
            self._idle_count -= 1
            if connection.usable:
                self._busy[connection] = None
                connection.begin(exchange)
                return
        origin.line.append(exchange)
        self._dial_for(origin, request.owner)

    async def close(self) -> None:
        """See ``Sender.close``."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        dials = list(self._dials)
        for task in dials:
            task.cancel()
        now_s = self._clock.monotonic()
        for origin in self._origins.values():
            while (exchange := origin.next_in_line()) is not None:
                exchange.fail(ErrorKind.SENDER_CLOSED, "shutting down", now_s)
            for connection in list(origin.idle):
                connection.abort()
        for connection in list(self._busy):
            connection.abort(ErrorKind.SENDER_CLOSED)
        await asyncio.gather(*dials, return_exceptions=True)
        self._dialler.close()
        # One turn of the loop for the transports to close their sockets.
        await asyncio.sleep(0)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._busy) + self._idle_count

    # -- connection.ConnectionOwner -----------------------------------------

    def went_idle(self, connection: Connection) -> None:
        """Serve the head of the line, or keep the connection for later."""
        origin = self._origins[connection.origin]
        exchange = origin.next_in_line() if origin.line else None
        if exchange is not None:
            connection.begin(exchange)
            return
        self._busy.pop(connection, None)
        if self._closed or self._idle_count >= self._limits.max_idle_connections:
            connection.abort()
            return
        connection.idle_since_s = self._clock.monotonic()
        origin.idle.append(connection)
        self._idle_count += 1

    def went_away(self, connection: Connection) -> None:
        """Forget a connection that closed; whoever waits needs another."""
        self._busy.pop(connection, None)
        origin = self._origins.get(connection.origin)
        if origin is None:
            return
        if connection.counted:
            connection.counted = False
            origin.open -= 1
        if connection in origin.idle:
            origin.idle.remove(connection)
            self._idle_count -= 1
        if origin.line and not self._closed:
            self._dial_for(origin, origin.first_owner())
        elif origin.forgettable:
            self._origins.pop(connection.origin, None)

    def send_again(self, exchange: Exchange) -> None:
        """Send on another connection what met a closing one."""
        if self._closed:
            exchange.fail(ErrorKind.SENDER_CLOSED, "shutting down", self._clock.monotonic())
            return
        origin = self._origins[exchange.request.target.origin]
        origin.line.appendleft(exchange)
        self._dial_for(origin, exchange.request.owner)

    # -- dialling -----------------------------------------------------------

    def _dial_for(self, origin: Origin, owner: str) -> None:
        while origin.wants_dial():
            if not self._room.take(owner):
                self._room.wait(owner, origin)
                return
            self._start_dial(origin, owner)

    def _start_dial(self, origin: Origin, owner: str) -> None:
        origin.dialling += 1
        task = asyncio.get_running_loop().create_task(self._dial(origin, owner))
        self._dials[task] = owner
        task.add_done_callback(self._dial_ended)

    def _dial_ended(self, task: asyncio.Task[None]) -> None:
        self._room.give_back(self._dials.pop(task))
        # As long as there is room: who needs no dial any more must not take another's turn.
        while not self._closed and (turn := self._room.next_turn()) is not None:
            owner, origin = turn
            if not origin.wants_dial():
                self._room.give_back(owner)
                continue
            self._start_dial(origin, owner)
            # One at a time: an origin with many waiting must not keep the others from dialling.
            if origin.wants_dial():
                self._room.wait(owner, origin)

    async def _dial(self, origin: Origin, owner: str) -> None:
        connection = Connection(origin.target.origin, self, self._clock, self._limits)
        error = await self._dial_error(origin, connection, owner)
        origin.dialling -= 1
        if error is not None:
            self._fail_head(origin, error)
        else:
            self._dialled(origin, connection)
        if origin.line and not self._closed:
            self._dial_for(origin, origin.first_owner())
        elif origin.forgettable:
            self._origins.pop(origin.target.origin, None)

    async def _dial_error(
        self, origin: Origin, connection: Connection, owner: str
    ) -> DialError | None:
        """Dial; return why it failed, or None."""
        try:
            await self._dialler.dial(origin.target, connection, owner)
        except DialError as error:
            return error
        except Exception:
            # Without an end the origin would count a dial for ever.
            log.exception("sender.dial_failed", origin=origin.target.origin)
            return DialError(ErrorKind.CONNECT_FAILED, "dialling failed in an unforeseen way")
        return None

    def _dialled(self, origin: Origin, connection: Connection) -> None:
        origin.open += 1
        connection.counted = True
        self._busy[connection] = None
        if connection.usable:
            self.went_idle(connection)
        else:
            detail = "the receiver closed right after connecting"
            self._fail_head(origin, DialError(ErrorKind.DISCONNECTED, detail))
            self.went_away(connection)

    def _fail_head(self, origin: Origin, error: DialError) -> None:
        exchange = origin.next_in_line()
        if exchange is not None:
            exchange.fail(error.kind, error.detail, self._clock.monotonic())

    # -- deadlines ----------------------------------------------------------

    def _arm_sweep(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep_now)

    def _sweep_now(self) -> None:
        try:
            self._end_overdue(self._clock.monotonic())
        finally:
            # Whatever went wrong with one of them, the others' deadlines hold.
            self._sweep = None
            if self._origins and not self._closed:
                self._arm_sweep()

    def _end_overdue(self, now_s: float) -> None:
        for connection in [c for c in self._busy if c.deadline_s <= now_s]:
            connection.overdue(now_s)
        oldest_s = now_s - self._limits.idle_timeout_s
        for origin in list(self._origins.values()):
            if origin.line:
                self._fail_overdue(origin, now_s)
            # Last in, first out: the connections that idle longest are in front.
            while origin.idle and origin.idle[0].idle_since_s < oldest_s:
                self._close_idle(origin)

    def _fail_overdue(self, origin: Origin, now_s: float) -> None:
        for exchange in [e for e in origin.line if e.deadline_s <= now_s]:
            exchange.fail(ErrorKind.CONNECT_TIMEOUT, "no connection in time", now_s)
        while origin.line and origin.line[0].settled:
            origin.line.popleft()
        if origin.forgettable:
            self._origins.pop(origin.target.origin, None)

    def _close_idle(self, origin: Origin) -> None:
        connection = origin.idle.pop(0)
        self._idle_count -= 1
        connection.abort()
