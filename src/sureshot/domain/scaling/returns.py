"""Whether more replicas bring more throughput: receivers, the database or the machine may not."""

from __future__ import annotations

from dataclasses import dataclass

SETTLES_S = 15.0
"""So long after a change new replicas may still be warming up."""
MEASURED_S = 5.0
"""So long all replicas must be wholly busy before their throughput counts."""
WORTH = 0.25
"""Growth is useless below this share of what as many more replicas should bring."""
TRIES_AGAIN_S = 300.0


@dataclass
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
    """Sets a ceiling where growth brought nothing, and lifts it after a while."""

    def __init__(self) -> None:
        self._before: _Level | None = None
        self._level: _Level | None = None
        self._ceiling = 0
        self._until_s = 0.0
        self.reason = ""

    def ceiling(self, now_s: float) -> int | None:
        """Return the most replicas that make sense; None when nothing speaks against more."""
        return self._ceiling if self._ceiling and now_s < self._until_s else None

    def observe(
        self, now_s: float, elapsed_s: float, replicas: int, done: float, *, saturated: bool
    ) -> None:
        """Take in what *replicas* did in the last *elapsed_s*, *saturated* if work waited."""
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
        gained = level.per_s / before.per_s - 1 if before.per_s else 1.0
        hoped = level.replicas / before.replicas - 1 if before.replicas else 1.0
        if gained >= WORTH * hoped:
            self._ceiling = 0
            return
        self._ceiling, self._until_s = level.replicas, now_s + TRIES_AGAIN_S
        self.reason = (
            f"{before.replicas} replicas did {before.per_s:.0f} webhooks a second and "
            f"{level.replicas} do {level.per_s:.0f}: more would not help, something else "
            "is the limit (receivers, the database, this machine)"
        )
