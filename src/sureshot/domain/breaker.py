"""The circuit breaker of one lane: closed, open, half-open."""

from __future__ import annotations

from enum import StrEnum

MAX_OPEN_S = 600.0


class BreakerState(StrEnum):
    """Closed lets everything through, open nothing, half-open one probe at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens after *threshold* failures in a row, for *open_s* seconds.

    Then one probe is admitted: its success closes the breaker, its failure
    opens it for twice as long as before, up to *max_open_s*. Times are
    monotonic seconds, handed in.
    """

    __slots__ = ("_failures", "_first_open_s", "_max_open_s", "_next_open_s", "_open_until_s",
                 "_threshold", "state")  # fmt: skip

    def __init__(
        self, threshold: int = 10, open_s: float = 10.0, max_open_s: float = MAX_OPEN_S
    ) -> None:
        self._threshold = threshold
        self._first_open_s = open_s
        self._max_open_s = max(open_s, max_open_s)
        self._next_open_s = open_s
        self._open_until_s = 0.0
        self._failures = 0
        self.state = BreakerState.CLOSED

    @property
    def untroubled(self) -> bool:
        """Whether there is no failure to remember."""
        return self.state is BreakerState.CLOSED and not self._failures

    def admit(self, now_s: float) -> bool:
        """Whether a request may start; taking the answer True from an open one is the probe."""
        if self.state is BreakerState.CLOSED:
            return True
        if self.state is BreakerState.OPEN and now_s >= self._open_until_s:
            self.state = BreakerState.HALF_OPEN
            return True
        return False

    def success(self, now_s: float) -> None:  # noqa: ARG002 - the same shape as ``failure``
        """Close, whatever the state: the receiver works."""
        self._failures = 0
        if self.state is not BreakerState.CLOSED:
            self.state = BreakerState.CLOSED
            self._next_open_s = self._first_open_s

    def failure(self, now_s: float) -> float | None:
        """Count a failure; return for how long it opened the breaker, if it did.

        Failures that arrive while it is open are stragglers and change nothing.
        """
        if self.state is BreakerState.OPEN:
            return None
        self._failures += 1
        if self.state is BreakerState.CLOSED and self._failures < self._threshold:
            return None
        opened_s = self._next_open_s
        self._next_open_s = min(2 * opened_s, self._max_open_s)
        self._open_until_s = now_s + opened_s
        self._failures = 0
        self.state = BreakerState.OPEN
        return opened_s

    def probe_lost(self) -> None:
        """Give the probe back: it ended without telling anything about the receiver."""
        if self.state is BreakerState.HALF_OPEN:
            self.state = BreakerState.OPEN
