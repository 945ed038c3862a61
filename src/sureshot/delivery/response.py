"""What arrives of one response, kept within bounds."""

from __future__ import annotations

import re
from datetime import datetime

from sureshot.delivery.sender_limits import SenderLimits
from sureshot.domain.model import ErrorKind
from sureshot.domain.retry_after import parse_retry_after

_RETRY_AFTER = re.compile(rb"(?:^|\n)retry-after[ \t]*:[ \t]*([^\r\n]{0,128})", re.IGNORECASE)
_LENGTH = re.compile(rb"(?:^|\n)(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)
_END = b"\r\n\r\n"
_EMPTY_LINES = b"\r\n"
"""Before a status line they end no head: the parser passes over them."""


class Response:
    """The head as raw bytes, the first part of the body, and what is wrong so far."""

    __slots__ = ("_head", "body", "body_bytes", "complete", "error", "interim", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.error: ErrorKind | None = None
        self.complete = False
        self.interim = 0
        self._head = b""
        self.body = b""
        self.body_bytes = 0

    @property
    def started(self) -> bool:
        """Whether any byte arrived."""
        return bool(self._head or self.interim or self.status is not None)

    def add_head(self, data: bytes) -> None:
        """Keep *data*, which begins before the final head is complete."""
        self._head = self._head + data if self._head else data

    def bound_open_head(self, limits: SenderLimits) -> None:
        """Note a head that is still open and too large already.

        Asked after the parser: a chunk that ends the head may bring body too.
        """
        if len(self._head) > limits.max_header_bytes:
            self.error = ErrorKind.HEADERS_TOO_LARGE

    def head_complete(self, status: int, limits: SenderLimits) -> None:
        """Note the status; interim responses are counted and dropped."""
        if self.error is not None:
            return
        if self.complete or status == 101:
            self.error = ErrorKind.MALFORMED_RESPONSE
        elif status < 200:
            self._interim_head(limits)
        else:
            self._final_head(status, limits)

    def _interim_head(self, limits: SenderLimits) -> None:
        arrived = self._head.lstrip(_EMPTY_LINES)
        size = arrived.find(_END) + len(_END)
        self._head = arrived[size:]
        self.interim += 1
        if self.interim > limits.max_interim_responses:
            self.error = ErrorKind.TOO_MANY_INTERIM_RESPONSES
        elif size > limits.max_header_bytes:
            self.error = ErrorKind.HEADERS_TOO_LARGE

    def _final_head(self, status: int, limits: SenderLimits) -> None:
        arrived = self._head.lstrip(_EMPTY_LINES)
        line_end = arrived.find(b"\r\n")
        self._head = arrived[line_end + 2 : arrived.find(_END, line_end) + 2]
        self.status = status
        if len(self._head) > limits.max_header_bytes:
            self.error = ErrorKind.HEADERS_TOO_LARGE
        elif self._head.count(b"\r\n") > limits.max_header_count:
            self.error = ErrorKind.TOO_MANY_HEADERS
        if self.error is not None:
            self.status = None

    def add_body(self, data: bytes, limits: SenderLimits) -> None:
        """Keep what still fits; note a body that goes on for too long."""
        missing = limits.kept_body_bytes - len(self.body)
        if missing > 0:
            self.body += data[:missing]
        self.body_bytes += len(data)
        if self.body_bytes > limits.max_body_bytes:
            self.error = ErrorKind.BODY_TOO_LARGE

    @property
    def headers(self) -> bytes:
        """The final head's lines, each ended by CRLF; empty before it is complete."""
        return self._head if self.status is not None else b""

    def ends_at_close(self) -> bool:
        """Whether the end of the connection is the end of the body (RFC 9112, 6.3)."""
        return self.status is not None and not _LENGTH.search(self._head)

    def retry_after_s(self, now: datetime) -> float | None:
        """Return what the receiver asks for, in seconds from *now*."""
        found = _RETRY_AFTER.search(self.headers)
        return None if found is None else parse_retry_after(found[1].decode("latin-1"), now)
