"""What lies in the slots of replicas whose core is used up: taken from the queue, but not begun.

A replica takes from the queue while it has slots, and by default it has thousands. So one that
cannot keep up shows no queue for a long while, and what waits is in its hands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sureshot.domain.scaling.capacity import USED_UP
from sureshot.domain.scaling.work import Work

FOLLOWS_S = 10.0


class Pile:
    """Webhooks in hand beyond those that are under way at any time (Little's law)."""

    def __init__(self) -> None:
        self._held = self._done = 0.0
        self._last = 0.0

    def observe(self, works: Sequence[Work], replicas: int) -> float:
        """Take in what those of *replicas* did that have told; return how many webhooks lie there.

        0 as long as only replicas were seen that are at their limit: then nobody knows how
        long a webhook takes that need not wait.
        """
        if works:
            self._learn([work for work in works if (work.core or 0.0) < USED_UP])
            lying = sum(self._lying(work) for work in works)
            self._last = lying * replicas / len(works)
        return self._last

    def _learn(self, calm: Sequence[Work]) -> None:
        for work in calm:
            fades = math.exp(-work.elapsed_s / FOLLOWS_S / len(calm))
            self._held = self._held * fades + work.in_flight * work.elapsed_s
            self._done = self._done * fades + work.done

    def _lying(self, work: Work) -> float:
        if not self._done or (work.core or 0.0) < USED_UP:
            return 0.0
        under_way = self._held / self._done * work.done / work.elapsed_s
        return max(0.0, work.in_flight - under_way)
