"""Clock and Sender: time, and HTTP requests to receivers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec

from sureshot.domain.model import (
    Outcome,
)
from sureshot.domain.url import Target


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current instant, timezone-aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""
        ...


class OutgoingRequest(msgspec.Struct, frozen=True, gc=False):
    """One HTTP request, complete but for what the connection adds.

    ``header_text`` holds validated ``name: value`` lines, each ended by CRLF,
    without Host, Content-Length and Accept-Encoding: the sender adds these.
    ``timeout_s`` bounds the whole attempt, name lookup included. ``owner`` is in
    whose name connections are made: one owner's may not crowd out another's.
    """

    target: Target
    method: str
    header_text: str
    body: bytes
    timeout_s: float
    owner: str = ""


class Sender(Protocol):
    """Makes HTTP requests to receivers."""

    def send(self, request: OutgoingRequest, on_outcome: Callable[[Outcome], None]) -> None:
        """Start one request; *on_outcome* is called exactly once, from the event loop.

        Every failure becomes an ``Outcome``; nothing is raised for one. The
        call may come before this method returns.
        """
        ...

    async def close(self) -> None:
        """Abort what is in flight (outcome ``sender_closed``) and free every socket."""
        ...
