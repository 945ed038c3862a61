"""One kept-alive HTTP/1.1 connection with at most one request under way."""

from __future__ import annotations

import asyncio
import re
from typing import Protocol, cast

import httptools

from sureshot_lab.load.ledger import Arrival

KEPT_BODY_BYTES = 4096
KEPT_UNREAD_BYTES = 64 << 10
END = b"\r\n\r\n"
INTERIM = re.compile(rb"HTTP/1\.. 1")
LENGTH = re.compile(rb"\r\n(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)


class Owner(Protocol):
    """Whom a connection tells what happens to it."""

    def answered(self, connection: Connection, status: int, body: bytes, *, reusable: bool) -> None:
        """Take the answer to the connection's arrival; *body* is at most its first 4 KiB."""

    def lost(self, connection: Connection, why: str) -> None:
        """Forget the connection. If it has an arrival, *why* is what became of it."""


class Connection(asyncio.Protocol):
    """Sends a request and reads its answer: of any framing, in any pieces.

    ``arrival`` is what the request under way is for, None when there is none.
    """

    __slots__ = (
        "_answers", "_body", "_owner", "_parser", "_reusable", "_status", "_transport", "_unread",
        "arrival", "sent_s",
    )  # fmt: skip

    def __init__(self, owner: Owner) -> None:
        self.arrival: Arrival | None = None
        self.sent_s = 0.0
        self._owner = owner
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answers = 0
        self._status = 0
        self._reusable = False
        self._body = b""
        self._unread = b""

    def send(self, request: bytes, arrival: Arrival, now_s: float) -> None:
        """Send *request*; the connection must be made and have no other under way."""
        self.arrival = arrival
        self.sent_s = now_s
        if self._transport is not None:
            self._transport.write(request)

    def close(self) -> None:
        """Cut the connection; the owner is told nothing any more of an arrival."""
        self.arrival = None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Read on, and pass an answer that is complete to the owner."""
        if self.arrival is None:
            # Nobody asked. Servers say such things before they close what was idle.
            self._give_up("closed")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._give_up("unreadable answer")
            return
        if self._answers == 1:
            self._answer(reusable=self._reusable)
        elif self._answers:
            self._give_up("unreadable answer")
        elif len(self._unread) < KEPT_UNREAD_BYTES:
            self._unread += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Take what came so far as the answer if its end is the connection's, else tell why."""
        if self.arrival is not None and exc is None and self._ends_here():
            self._status = self._parser.get_status_code()
            self._answer(reusable=False)
        self._owner.lost(self, "closed" if exc is None else "reset")

    def on_body(self, body: bytes) -> None:
        """Keep the beginning of the body."""
        if len(self._body) < KEPT_BODY_BYTES:
            self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        """Count an answer; 1xx are none."""
        status = self._parser.get_status_code()
        if status >= 200:
            self._answers += 1
            self._status = status
            self._reusable = self._parser.should_keep_alive()

    def _answer(self, *, reusable: bool) -> None:
        body, self._body, self._unread, self._answers = self._body, b"", b"", 0
        self._owner.answered(self, self._status, body, reusable=reusable)

    def _give_up(self, why: str) -> None:
        self._owner.lost(self, why)
        self.close()

    def _ends_here(self) -> bool:
        """Return whether the head is complete and tells no length (RFC 9112, 6.3)."""
        unread = self._unread
        while INTERIM.match(unread):
            unread = unread.partition(END)[2]
        head, found, _body = unread.partition(END)
        return bool(found) and not LENGTH.search(head)
