"""One connection of the sink: HTTP/1.1 in, a held, failing or missing answer out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from http import HTTPStatus
from typing import Protocol, cast

import httptools
import msgspec

MAX_BODY_BYTES = 64 << 20
_LINGER_NONE = struct.pack("ii", 1, 0)


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Answer(msgspec.Struct, frozen=True, gc=False, eq=False):
    """How a request is answered: a status, a reset, or (neither) never.

    ``good`` is False when its signature was wrong. Equal only to itself: two
    requests may be answered alike.
    """

    webhook_id: str
    status: int | None
    reset: bool
    good: bool


class Owner(Protocol):
    """What a connection needs of the sink it belongs to."""

    @property
    def delay_s(self) -> float:
        """How long each answer is held back, in seconds."""

    def opened(self, transport: asyncio.Transport) -> None:
        """Note a new connection."""

    def closed(self, transport: asyncio.Transport) -> None:
        """Note that a connection is gone."""

    def receive(self, request: Request) -> Answer:
        """Count a request and say how it is answered."""

    def finish(self, answer: Answer, *, answered: bool) -> None:
        """Note that an answer was given, or that it never will be."""


class SinkProtocol(asyncio.Protocol):
    """Parses requests and answers each after the sink's delay, in order."""

    def __init__(self, sink: Owner) -> None:
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)
        self._open: list[Answer] = []
        self._url = b""
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the new connection."""
        # uvloop's transports have the methods but not the base class.
        self._transport = cast(asyncio.Transport, transport)
        self._sink.opened(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what was not answered."""
        del exc
        self._sink.closed(self._transport)
        for answer in self._open:
            self._sink.finish(answer, answered=False)
        self._open.clear()

    def data_received(self, data: bytes) -> None:
        """Parse; what is no HTTP is answered 400."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._write(400, close=True)

    # -- what the parser calls ----------------------------------------------

    def on_message_begin(self) -> None:
        """Forget the request before."""
        self._url, self._headers, self._chunks, self._size = b"", {}, [], 0

    def on_url(self, url: bytes) -> None:
        """Keep a piece of the path."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Invite the body of a client that asks first."""
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body; one over 64 MiB is answered 413."""
        self._size += len(body)
        if self._size <= MAX_BODY_BYTES:
            self._chunks.append(body)
        elif not self._transport.is_closing():
            self._write(413, close=True)

    def on_message_complete(self) -> None:
        """Count the request and answer it after the delay."""
        if self._transport.is_closing():
            return
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        close = not self._parser.should_keep_alive()
        answer = self._sink.receive(Request(self._url.decode("latin-1"), self._headers, body))
        self._open.append(answer)
        if self._sink.delay_s > 0:
            # The same delay for all keeps the answers of one connection in order.
            loop = asyncio.get_running_loop()
            loop.call_later(self._sink.delay_s, self._give, answer, close)
        else:
            self._give(answer, close)

    # -- answering ----------------------------------------------------------

    def _give(self, answer: Answer, close: bool) -> None:
        if answer not in self._open:
            return
        if answer.reset:
            self._reset()
        elif answer.status is not None:
            self._open.remove(answer)
            self._write(answer.status, close=close)
            self._sink.finish(answer, answered=True)

    def _reset(self) -> None:
        # Without lingering, closing sends RST: what a crashed receiver looks like.
        with contextlib.suppress(OSError):
            raw: socket.socket = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self._transport.abort()

    def _write(self, status: int, *, close: bool) -> None:
        if self._transport.is_closing():
            return
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = "Status"
        connection = "connection: close\r\n" if close else ""
        body = "" if status in {204, 304} else "ok" if status < 300 else "no"
        length = "" if status == 204 else f"content-length: {len(body)}\r\n"
        self._transport.write(
            f"HTTP/1.1 {status} {reason}\r\ncontent-type: text/plain\r\n"
            f"{length}{connection}\r\n{body}".encode()
        )
        if close:
            self._transport.close()
