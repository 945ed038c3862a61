"""One connection to a receiver: writes a request in one call, reads its response."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools

from sureshot.delivery.exchange import Exchange
from sureshot.delivery.response import Response
from sureshot.delivery.sender_limits import SenderLimits
from sureshot.domain.model import ErrorKind, Outcome
from sureshot.ports import Clock
from sureshot.telemetry.logging import get_logger

LARGE_BODY_BYTES = 64 * 1024

log = get_logger()


class ConnectionOwner(Protocol):
    """Where a connection reports: the pool."""

    def went_idle(self, connection: Connection) -> None:
        """Take back a connection that may carry another exchange."""

    def went_away(self, connection: Connection) -> None:
        """Forget a connection that is closed."""

    def send_again(self, exchange: Exchange) -> None:
        """Take back an exchange that met a reused connection closing."""


class Connection(asyncio.Protocol):
    """HTTP/1.1, one exchange at a time, kept alive between them.

    Nothing a receiver does raises out of here: it ends as an outcome.
    """

    def __init__(
        self, origin: str, owner: ConnectionOwner, clock: Clock, limits: SenderLimits
    ) -> None:
        self.origin = origin
        self.idle_since_s = 0.0
        self.deadline_s = 0.0
        self.counted = False
        self._owner = owner
        self._clock = clock
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._response = Response()
        self._used = False
        self._keep_alive = False
        self._write_deadline_s = 0.0

    # -- asyncio.Protocol ---------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the way out."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; data nobody asked for ends the connection."""
        if self._exchange is None:
            self.abort()
            return
        response = self._response
        if response.status is None:
            response.add_head(data)
        detail = ""
        if response.error is None:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade:
                response.error = ErrorKind.MALFORMED_RESPONSE
                detail = "the receiver switched protocols"
            except httptools.HttpParserError as error:
                # What follows a complete response only spoils the connection.
                response.error = ErrorKind.MALFORMED_RESPONSE
                detail = str(error)
        if response.status is None and response.error is None:
            response.bound_open_head(self._limits)
        if response.error is not None:
            self._finish_badly(response.error, detail)
        elif response.complete:
            self._finish_well()

    def eof_received(self) -> bool:
        """Close too: a receiver that stopped talking has nothing more to say."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle what was under way."""
        exchange = self._exchange
        if exchange is not None:
            if self._response.ends_at_close():
                self._finish_badly(None, "")
            elif self._used and not exchange.retried and not self._response.started:
                self._exchange = None
                exchange.retried = True
                self._owner.send_again(exchange)
            else:
                self._finish_badly(
                    ErrorKind.DISCONNECTED, str(exc or "the receiver closed the connection")
                )
        self._owner.went_away(self)
        self._transport = None

    # -- httptools' callbacks -----------------------------------------------

    def on_headers_complete(self) -> None:
        """Take the status."""
        self._response.head_complete(self._parser.get_status_code(), self._limits)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._response.add_body(body, self._limits)

    def on_message_complete(self) -> None:
        """Note the end; httptools calls this after interim responses too."""
        if self._response.status is not None:
            self._response.complete = True
            # Asked here: after this callback the parser forgets what the response said.
            self._keep_alive = self._parser.should_keep_alive()

    # -- the owner's side ---------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether a request can be written."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def busy(self) -> bool:
        """Whether an exchange is under way."""
        return self._exchange is not None

    def begin(self, exchange: Exchange) -> None:
        """Write *exchange*'s request, head and body in one call."""
        request = exchange.request
        target = request.target
        head = (
            f"{request.method} {target.path} HTTP/1.1\r\nhost: {target.authority}\r\n"
            f"{request.header_text}accept-encoding: identity\r\n"
            f"content-length: {len(request.body)}\r\n\r\n"
        )
        self._exchange = exchange
        self._response = Response()
        self.deadline_s = exchange.deadline_s
        transport = self._transport
        if transport is None:
            self._finish_badly(ErrorKind.DISCONNECTED, "the connection is closed")
            return
        transport.write(head.encode("latin-1") + request.body)
        if transport.get_write_buffer_size():
            self._write_deadline_s = self._clock.monotonic() + self._limits.write_timeout_s
            self.deadline_s = min(self.deadline_s, self._write_deadline_s)

    def overdue(self, now_s: float) -> None:
        """End the exchange if a deadline has really passed, else look again later."""
        exchange, transport = self._exchange, self._transport
        if exchange is None or transport is None:
            return
        writing = transport.get_write_buffer_size() > 0
        if now_s < exchange.deadline_s and not writing:
            self.deadline_s = exchange.deadline_s
            return
        if writing:
            kind = ErrorKind.WRITE_TIMEOUT
        elif self._response.started:
            kind = ErrorKind.TOTAL_TIMEOUT
        else:
            kind = ErrorKind.FIRST_BYTE_TIMEOUT
        self._finish_badly(kind, f"after {now_s - exchange.began_s:.1f} s")

    def abort(self, kind: ErrorKind | None = None) -> None:
        """Close at once; an exchange under way ends as *kind*."""
        if self._exchange is not None:
            self._finish_badly(kind or ErrorKind.DISCONNECTED, "")
        elif self._transport is not None:
            self._transport.abort()

    # -- ending an exchange -------------------------------------------------

    def _finish_well(self) -> None:
        exchange, outcome = self._end(None, "")
        self._used = True
        # Free first, settle then: what follows from the outcome may want this connection.
        if self._keep_alive and self._all_sent(exchange):
            self._owner.went_idle(self)
        elif self._transport is not None:
            self._transport.abort()
        exchange.settle(outcome)

    def _all_sent(self, exchange: Exchange) -> bool:
        """Whether the connection is open and nothing of *exchange*'s request is in the way.

        An early answer leaves the rest of a body there. What TLS and the kernel still hold
        cannot be seen, so a refusal of a large body counts as early.
        """
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size():
            return False
        status = self._response.status
        if status is not None and 200 <= status < 300:
            return True
        return len(exchange.request.body) <= LARGE_BODY_BYTES

    def _finish_badly(self, kind: ErrorKind | None, detail: str) -> None:
        exchange, outcome = self._end(None if self._response.complete else kind, detail)
        if self._transport is not None:
            self._transport.abort()
        exchange.settle(outcome)

    def _end(self, kind: ErrorKind | None, detail: str) -> tuple[Exchange, Outcome]:
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            raise RuntimeError("no exchange is under way")
        response = self._response
        status = response.status
        retry_after_s = None
        if status is not None and not 200 <= status < 300:
            try:
                retry_after_s = response.retry_after_s(self._clock.now())
            except Exception:
                # Whatever a receiver wrote there: without an outcome the webhook would never end.
                log.exception("sender.unreadable_answer", origin=self.origin, status=status)
                kind = kind or ErrorKind.MALFORMED_RESPONSE
                detail = detail or "its headers could not be read"
        duration_s = self._clock.monotonic() - exchange.began_s
        return exchange, Outcome(
            status, kind, duration_s, retry_after_s, response.headers, response.body, detail
        )
