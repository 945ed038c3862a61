"""What can be said about a lane: whether it is open, why not, and until when."""

from __future__ import annotations

from datetime import datetime

import msgspec


class LaneStatus(msgspec.Struct, frozen=True):
    """A lane as this process sees it.

    ``closed_reason`` is None while open, else ``breaker_open``, ``overloaded``
    (the receiver asked for patience), ``full`` (rate limit or in-flight cap),
    or ``disabled``; ``closed_until`` is None when only an event reopens it.
    ``learned_limit``: so many at once, as its receiver's answers taught; None: no limit.
    """

    lane: str
    closed_reason: str | None
    closed_until: datetime | None
    breaker: str
    in_flight: int
    waiting: int
    learned_limit: int | None = None
