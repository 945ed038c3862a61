"""How many requests at once one receiver bears, learned from its answers.

Two signs of strain. Answers get slower as more are sent at once: the gradient of
TCP Vegas (Brakmo 1994) and of Netflix's concurrency-limits, here over means, so that
a receiver whose answers merely vary is not taken for a crowded one. Or it refuses,
or times out: then as many are sent as it took, a little less (AIMD).
"""

from __future__ import annotations

import math

FLOOR_S = 0.25
TOLERANCE = 2.0
"""Answers may take so many times the calm mean, and the floor: below, more at once is still
more a second, and our own event loop is as late as the floor when it has much to do."""
CALM_AT = 8
"""With no more than so many out, what answers take is the calm mean, longer or shorter."""
NEWEST = 0.3
STEADY = 0.7
"""Only a look through which about as many were out tells what answers take."""
FEWEST = 32
"""Answers that make a look, and at least twice as many as are out: the quick ones come first."""
LEAST = 2
"""Slow answers alone never lower the limit below: at so few it is not for our crowding."""
MARGIN = 0.8
ALIKE = 0.9
"""Fewer at once, and answers as slow as before: it was not for our crowding."""
NONE_ABOVE = 1000
"""A limit that has grown past this is none."""
HOLD_S, LONGEST_HOLD_S = 30.0, 480.0
"""So long the limit is not raised past what was too much; twice as long each time it is again."""
GENTLY = 1.1
"""By so much at a time the limit is raised where it was too much before."""
GIVE_UP = 3
"""Lowered so often without a longer peace, the strain is not for our crowding."""


class AdaptiveLimit:
    """The limit of one receiver, in this process; ``limit`` 0 means none.

    There is none until the receiver shows strain: who answers well is sent whatever
    comes, and the first burst may be too much for one that does not. Times are
    monotonic seconds, handed in; every call is O(1).
    """

    __slots__ = ("_answered", "_calm_s", "_ceiling", "_changed_s", "_crowded_at", "_crowded_s",
                 "_held_until_s", "_hold_s", "_in_flight", "_needed", "_peace", "_peace_before",
                 "_took", "_took_s", "_useless", "_weighing", "limit")  # fmt: skip

    def __init__(self) -> None:
        self.limit = 0
        self._calm_s = math.inf
        self._crowded_at, self._crowded_s = 0.0, math.inf
        self._answered, self._took_s, self._in_flight, self._needed = 0, 0.0, 0, FEWEST
        self._changed_s = -math.inf
        self._ceiling, self._held_until_s, self._hold_s = 0, -math.inf, HOLD_S / 2
        self._weighing, self._took = False, 0
        self._peace, self._peace_before, self._useless = 0, 0, 0

    def succeeded(self, took_s: float, in_flight: int, now_s: float) -> None:
        """Take note of an answer after *took_s*, *in_flight* requests being out with it."""
        self._peace += 1
        if now_s - took_s < self._changed_s:
            if self._weighing:
                self._took += 1
                self.limit = self._ceiling = max(1, int(self._took * MARGIN))
            return
        self._took_s += took_s
        self._in_flight += in_flight
        self._answered += 1
        if self._answered >= self._needed and self._answered >= 2 * in_flight:
            self._look(in_flight, now_s)

    def strained(self, took_s: float, in_flight: int, now_s: float) -> None:
        """Take note of a refusal for being too busy, or of no answer in time.

        What was sent before the limit changed last tells nothing about the limit.
        """
        if now_s - took_s < self._changed_s:
            return
        if in_flight < 2 or (self.limit == 0 and now_s < self._held_until_s):
            return
        if self._lowered_for_nothing():
            self._give_up(now_s)
            return
        # One, and as many more as it turns out to have taken of what is out: 0, it was down,
        # not crowded, and there is no ceiling to heed.
        self._set(1, now_s)
        self._weighing, self._took, self._ceiling = True, 0, 0
        self._hold(now_s)

    # -- strain -------------------------------------------------------------

    def _lowered_for_nothing(self) -> bool:
        if self._peace == 0:
            return False
        longer = self._peace >= 2 * self._peace_before
        self._useless = 0 if longer or self._peace_before == 0 else self._useless + 1
        self._peace_before, self._peace = max(1, self._peace), 0
        return self._useless >= GIVE_UP

    def _give_up(self, now_s: float) -> None:
        self._set(0, now_s)
        self._peace_before = self._useless = 0
        self._hold(now_s)

    def _hold(self, now_s: float) -> None:
        if now_s >= self._held_until_s:
            self._hold_s = min(2 * self._hold_s, LONGEST_HOLD_S)
        self._held_until_s = now_s + self._hold_s

    def _set(self, limit: int, now_s: float) -> None:
        self.limit = limit
        self._changed_s = now_s
        self._weighing = False
        self._answered, self._took_s, self._in_flight = 0, 0.0, 0
        self._needed = max(2, min(limit, FEWEST)) if limit else FEWEST

    # -- slower, and room ---------------------------------------------------

    def _look(self, now_in_flight: int, now_s: float) -> None:
        mean_s, in_flight = self._took_s / self._answered, self._in_flight / self._answered
        self._answered, self._took_s, self._in_flight = 0, 0.0, 0
        if not STEADY * in_flight <= now_in_flight <= in_flight / STEADY:
            # When a burst begins the quick answers come first, and when it ends the slow ones last.
            return
        if self._calm_s == math.inf:
            self._calm_s = mean_s
        elif mean_s < self._calm_s or in_flight <= CALM_AT:
            self._calm_s += NEWEST * (mean_s - self._calm_s)
        if mean_s <= FLOOR_S + TOLERANCE * self._calm_s:
            self._crowded_s = math.inf
            if self.limit and in_flight > self.limit / 2:
                self._raise(now_s)
        elif in_flight <= LEAST or self._was_as_slow(mean_s, in_flight):
            self._exonerate(mean_s, now_s)
        else:
            # Before there was a limit nothing had settled: such a look is none to compare with.
            self._crowded_at, self._crowded_s = in_flight, mean_s if self.limit else math.inf
            # Little's law: so many at once take TOLERANCE times the calm mean.
            fit = in_flight * TOLERANCE * self._calm_s / mean_s
            self._set(max(LEAST, int(fit), int(in_flight / 10)), now_s)

    def _was_as_slow(self, mean_s: float, in_flight: float) -> bool:
        return mean_s > ALIKE * self._crowded_s and in_flight < ALIKE * self._crowded_at

    def _exonerate(self, mean_s: float, now_s: float) -> None:
        """Take slow answers for what this receiver needs, however few it is sent at once."""
        self._calm_s, self._crowded_s = mean_s, math.inf
        self._ceiling, self._held_until_s, self._hold_s = 0, -math.inf, HOLD_S / 2
        if self.limit:
            self._raise(now_s)

    def _raise(self, now_s: float) -> None:
        if now_s < self._held_until_s and self.limit >= self._ceiling > 0:
            return
        if self._ceiling and self.limit >= 4 * self._ceiling:
            self._ceiling, self._hold_s = 0, HOLD_S / 2
        raised = math.ceil(self.limit * (GENTLY if self._ceiling else 2.0))
        self._set(raised if raised <= NONE_ABOVE else 0, now_s)
