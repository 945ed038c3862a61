"""What the sender knows of one origin: idle connections, who waits, who dials."""

from __future__ import annotations

from collections import deque

from sureshot.delivery.connection import Connection
from sureshot.delivery.exchange import Exchange
from sureshot.domain.url import Target

FIRST_DIALS = 8
"""Dials an origin may have under way while it has no connection yet."""


class Origin:
    """Scheme, host and port, with its connections and the line before them.

    ``target`` is any target of the origin, to dial it. ``open`` counts the
    connections that are idle or busy.
    """

    __slots__ = ("dialling", "idle", "line", "open", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self.idle: list[Connection] = []
        self.line: deque[Exchange] = deque()
        self.open = 0
        self.dialling = 0

    def next_in_line(self) -> Exchange | None:
        """Take the first exchange that still waits for an outcome."""
        while self.line:
            exchange = self.line.popleft()
            if not exchange.settled:
                return exchange
        return None

    def first_owner(self) -> str:
        """Return in whose name the head of the line is to be sent; the line is not empty."""
        return self.line[0].request.owner

    def wants_dial(self) -> bool:
        """Whether one more dial is worth it.

        Connections may double with each round of dials, no more: a burst to a
        fast receiver is served by what it has, a slow one still gets as many
        as there are requests.
        """
        return self.dialling < min(len(self.line), max(FIRST_DIALS, self.open))

    @property
    def forgettable(self) -> bool:
        """Whether nothing is known about it."""
        return not (self.open or self.dialling or self.line)
