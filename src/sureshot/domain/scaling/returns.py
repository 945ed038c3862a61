"""Whether more replicas bring more throughput: receivers, the database or the machine may not."""

from __future__ import annotations

import math
from dataclasses import dataclass

SETTLES_S = 15.0
"""So long after a change new replicas may still be warming up."""
MEASURED_S = 3.0
"""So long all replicas must be wholly busy before their throughput counts."""
WORTH = 0.25
"""Growth is useless below this share of what as many more replicas should bring."""
TRIES_AGAIN_S = 900.0
BETTER = 1.25
"""So much more throughput than under the ceiling means that what limited it is gone."""
FOLLOWS_S = 10.0


@dataclass(slots=True)
class _Level:
    """What so many replicas did together while they were wholly busy."""

    replicas: int
    since_s: float
    busy_s: float = 0.0
    done: float = 0.0

    @property
    def per_s(self) -> float:
        return self.done / self.busy_s if self.busy_s else 0.0

    @property
    def measured(self) -> bool:
        return self.busy_s >= MEASURED_S


class Returns:
    """Sets a ceiling where growth brought nothing, and lifts it when that changes, or in time."""

    def __init__(self) -> None:
        self._before: _Level | None = None
        self._level: _Level | None = None
        self._per_s = 0.0
        self._ceiling: int | None = None
        self._until_s = 0.0
        self._limited_per_s = 0.0
        self.reason = ""

    def ceiling(self, now_s: float) -> int | None:
        """Return the most replicas that make sense; None when nothing speaks against more."""
        return self._ceiling if now_s < self._until_s else None

    def observe(
        self, now_s: float, elapsed_s: float, replicas: int, done: float, *, saturated: bool
    ) -> None:
        """Take in what *replicas* did in the last *elapsed_s*, *saturated* if work waited."""
        weight = 1 - math.exp(-elapsed_s / FOLLOWS_S)
        self._per_s += weight * (done / elapsed_s - self._per_s)
        if self._per_s > BETTER * self._limited_per_s:
            self._ceiling = None
        level = self._level
        if level is None or replicas != level.replicas:
            self._change(now_s, replicas)
            return
        if not saturated or (self._before and now_s - level.since_s < SETTLES_S):
            return
        level.busy_s += elapsed_s
        level.done += done
        if self._before is not None and level.measured:
            self._judge(now_s, self._before, level)
            self._before = None

    def _change(self, now_s: float, replicas: int) -> None:
        """Begin a new level; the one to compare with is the last that was measured."""
        if self._level is not None and replicas < self._level.replicas:
            self._before = None
        elif self._level is not None and self._level.measured:
            self._before = self._level
        self._level = _Level(replicas, now_s)

    def _judge(self, now_s: float, before: _Level, level: _Level) -> None:
        if not before.per_s or not before.replicas:
            return
        gained = level.per_s / before.per_s
        if gained - 1 >= WORTH * (level.replicas / before.replicas - 1):
            return
        # As many as do the same at the rate of the fewer.
        self._ceiling = math.ceil(before.replicas * max(1.0, gained))
        self._until_s = now_s + TRIES_AGAIN_S
        self._limited_per_s = max(level.per_s, before.per_s)
        self.reason = (
            f"{before.replicas} did {before.per_s:.0f} webhooks a second and "
            f"{level.replicas} do {level.per_s:.0f}: more would not help, something else "
            "is the limit (receivers, the database, this machine)"
        )
