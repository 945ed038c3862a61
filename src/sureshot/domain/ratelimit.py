"""A token bucket: at most so many per second, with a burst of one second's worth."""

from __future__ import annotations


class TokenBucket:
    """Holds up to *burst* tokens and gains *rate_per_s* each second; times are monotonic."""

    __slots__ = ("_burst", "_tokens", "_updated_s", "rate_per_s")

    def __init__(self, rate_per_s: float, burst: float | None = None) -> None:
        self.rate_per_s = rate_per_s
        self._burst = max(1.0, rate_per_s) if burst is None else max(1.0, burst)
        self._tokens = self._burst
        self._updated_s: float | None = None

    def at_rate(self, rate_per_s: float) -> TokenBucket:
        """Return one for another rate, as full as this one by its burst of a second.

        A full one at each change would let a burst through whenever a limit is shared anew.
        """
        changed = TokenBucket(rate_per_s)
        changed._tokens = changed._burst * self._tokens / self._burst
        changed._updated_s = self._updated_s
        return changed

    def take(self, now_s: float) -> bool:
        """Spend one token; False, and nothing spent, when there is none."""
        self._refill(now_s)
        # A hair under one counts as one: wait_s() rounded it that way.
        if self._tokens < 1.0 - 1e-9:
            return False
        self._tokens -= 1.0
        return True

    def wait_s(self, now_s: float) -> float:
        """Return how long until the next token is there; 0 when it is."""
        self._refill(now_s)
        missing = 1.0 - self._tokens
        return 0.0 if missing <= 1e-9 else missing / self.rate_per_s

    def _refill(self, now_s: float) -> None:
        if self._updated_s is not None and now_s > self._updated_s:
            gained = (now_s - self._updated_s) * self.rate_per_s
            self._tokens = min(self._burst, self._tokens + gained)
        if self._updated_s is None or now_s > self._updated_s:
            self._updated_s = now_s
