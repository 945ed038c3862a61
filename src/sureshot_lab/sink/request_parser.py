"""Requests in any form HTTP/1 allows: split, chunked, pipelined, or asking to close."""

from __future__ import annotations

from collections.abc import Callable

import httptools

from sureshot_lab.sink.request import Request

MAX_BODY_BYTES = 64 << 20


class RequestParser:
    """Hands each complete request to *on_request*; *on_expect* is told to invite a body.

    ``inside`` is True while a request has begun and not ended.
    """

    def __init__(
        self, on_request: Callable[[Request], None], on_expect: Callable[[], None]
    ) -> None:
        self._on_request = on_request
        self._on_expect = on_expect
        self._parser = httptools.HttpRequestParser(self)
        self.inside = False
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._too_large = False

    def feed(self, data: bytes) -> int:
        """Parse *data*; return 0, or the status to refuse it with: 400 or 413."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return 413 if self._too_large else 400
        return 413 if self._too_large else 0

    # -- httptools' callbacks -----------------------------------------------

    def on_message_begin(self) -> None:
        """Forget the request before."""
        self.inside = True
        self._url, self._headers, self._pieces, self._size_bytes = b"", {}, [], 0

    def on_url(self, url: bytes) -> None:
        """Keep a piece of the path."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; of two alike the first counts."""
        self._headers.setdefault(name.lower(), value.strip())

    def on_headers_complete(self) -> None:
        """Invite the body of a client that asks first."""
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._on_expect()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._size_bytes += len(body)
        if self._size_bytes <= MAX_BODY_BYTES:
            self._pieces.append(body)
        else:
            self._too_large = True

    def on_message_complete(self) -> None:
        """Hand the request over."""
        self.inside = False
        if self._too_large:
            return
        headers = self._headers
        request = Request(
            self._url.partition(b"?")[0],
            headers.get(b"webhook-id", b""),
            headers.get(b"webhook-timestamp", b""),
            headers.get(b"webhook-signature", b""),
            b"".join(self._pieces),
            self._parser.get_method(),
            self._parser.should_keep_alive(),
        )
        self._on_request(request)
