"""One lane: what stands between a lease and its receiver, and what waits there."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum

from sureshot.delivery.destination import Destination
from sureshot.domain.breaker import Breaker, BreakerState
from sureshot.domain.concurrency import AdaptiveLimit
from sureshot.domain.model import Lease
from sureshot.domain.ratelimit import TokenBucket

WAITING_ROOM = 250
"""How many leases may wait in a lane's memory; further ones go back to the store."""
WAIT_S = 20.0
"""A rate-limited lane holds no more than it can send in this time."""


class Admission(Enum):
    """What a lane says to one more request."""

    SEND = "send"
    WAIT = "wait"
    REFUSE = "refuse"


class Lane:
    """Breaker, rate limit and in-flight cap of one endpoint (or one direct origin).

    *adaptive* is the cap learned from its answers, None when nothing is to be learned.
    ``marked`` tells that the store holds a closing of this lane, so that
    ``lease_due`` passes over it; ``closed_until_s`` is monotonic time.
    """

    __slots__ = (
        "adaptive",
        "breaker",
        "bucket",
        "cap",
        "closed_until_s",
        "in_flight",
        "key",
        "marked",
        "timer",
        "waiting",
    )

    def __init__(self, key: str, breaker: Breaker, adaptive: AdaptiveLimit | None = None) -> None:
        self.key = key
        self.breaker = breaker
        self.adaptive = adaptive
        self.bucket: TokenBucket | None = None
        self.cap = 0
        self.in_flight = 0
        self.waiting: deque[Lease] = deque()
        self.closed_until_s = 0.0
        self.marked: str | None = None
        self.timer: asyncio.TimerHandle | None = None

    def limit(self, destination: Destination, workers: int = 1) -> None:
        """Take over this process's part of the limits *destination* has now.

        A changed rate gives no new burst. At least one request may always be
        in flight, however many workers there are.
        """
        cap, rate = destination.max_in_flight, destination.rate_limit_per_s
        self.cap = max(1, cap // workers) if cap else 0
        if rate is not None:
            rate /= workers
        if rate is None:
            self.bucket = None
        elif self.bucket is None:
            self.bucket = TokenBucket(rate)
        elif self.bucket.rate_per_s != rate:
            self.bucket = self.bucket.at_rate(rate)

    @property
    def limits(self) -> tuple[int, float | None]:
        """The cap, 0 for none, and the rate a second."""
        return self.cap, None if self.bucket is None else self.bucket.rate_per_s

    def admit(self, now_s: float, share: int) -> Admission:
        """Say whether one more request may start now; SEND spends a token or the probe.

        *share* is the most this lane may have in flight at the moment.
        """
        if self.closed_until_s > now_s:
            return Admission.REFUSE
        if self.in_flight >= share or (self.cap and self.in_flight >= self.cap):
            return Admission.WAIT
        learned = self.adaptive
        if learned is not None and learned.limit and self.in_flight >= learned.limit:
            return Admission.WAIT
        if self.bucket is not None and self.bucket.wait_s(now_s) > 0:
            return Admission.WAIT
        if not self.breaker.admit(now_s):
            probing = self.breaker.state is BreakerState.HALF_OPEN
            return Admission.WAIT if probing else Admission.REFUSE
        if self.bucket is not None:
            self.bucket.take(now_s)
        return Admission.SEND

    def has_room(self, share: int) -> bool:
        """Whether one more lease may wait here; a waiting lease holds a slot of *share* too."""
        return len(self.waiting) < min(self._room(), share - self.in_flight)

    def has_drained(self, share: int) -> bool:
        """Whether a lane that was full has room enough again for a whole batch."""
        held = self.in_flight + len(self.waiting)
        return 4 * len(self.waiting) <= self._room() and 4 * held <= 3 * share

    def _room(self) -> int:
        if self.bucket is None:
            return WAITING_ROOM
        return max(4, min(WAITING_ROOM, int(self.bucket.rate_per_s * WAIT_S)))

    @property
    def idle(self) -> bool:
        """Whether forgetting this lane would lose nothing that is not soon learned again."""
        return not (
            self.in_flight
            or self.waiting
            or self.marked
            or self.breaker.state is not BreakerState.CLOSED
        )
