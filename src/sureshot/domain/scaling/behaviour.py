"""What steadies a number of replicas: tolerance, stabilisation windows, limits on each change.

As the HorizontalPodAutoscaler does it (Kubernetes documentation, "Configurable scaling
behavior" and "Stabilization window"; its controller for the rounding). Instants are
seconds of any clock that does not go back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

TOLERANCE = 0.1
DOWN_AFTER_S = 300.0


def tolerated(ratio: float, tolerance: float = TOLERANCE) -> bool:
    """Whether wanted by current is near enough to 1 to leave the number alone."""
    return 1.0 - tolerance <= ratio <= 1.0 + tolerance


class Unit(StrEnum):
    """What a policy's value counts."""

    PODS = "Pods"
    PERCENT = "Percent"


class Select(StrEnum):
    """Which of several policies holds: that of the largest change, the smallest, or no change."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class Policy:
    """At most so much change within *period_s*."""

    unit: Unit
    value: int
    period_s: float


@dataclass(frozen=True, slots=True)
class Direction:
    """The rules for one direction. Without policies a change has no limit."""

    window_s: float
    policies: tuple[Policy, ...] = ()
    select: Select = Select.MAX


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The rules for both; the defaults are Kubernetes's."""

    up: Direction = Direction(0.0, (Policy(Unit.PODS, 4, 15.0), Policy(Unit.PERCENT, 100, 15.0)))
    down: Direction = Direction(DOWN_AFTER_S, (Policy(Unit.PERCENT, 100, 15.0),))


class Stabiliser:
    """Goes up no higher than the lowest wish of a window, and down no lower than the highest."""

    def __init__(self, up_s: float = 0.0, down_s: float = DOWN_AFTER_S) -> None:
        self._up_s = up_s
        self._down_s = down_s
        self._last_wished_s: dict[int, float] = {}

    def steady(self, now_s: float, current: int, wanted: int) -> int:
        """Return *wanted* as steadied by the wishes before it, and remember it.

        The first time the number as it is counts as a wish too: whoever has just begun
        to watch knows too little to go down.
        """
        lowest, highest = self.bounds(now_s, current, wanted)
        return min(max(current, lowest), highest)

    def bounds(self, now_s: float, current: int, wanted: int) -> tuple[int, int]:
        """Return the lowest wish of the upward window and the highest of the other; as above."""
        if not self._last_wished_s:
            self._last_wished_s[current] = now_s
        highest = max([wanted, *self._within(now_s, self._down_s)])
        lowest = min([wanted, *self._within(now_s, self._up_s)])
        kept_s = max(self._up_s, self._down_s)
        self._last_wished_s = {w: self._last_wished_s[w] for w in self._within(now_s, kept_s)}
        self._last_wished_s[wanted] = now_s
        return lowest, highest

    def _within(self, now_s: float, window_s: float) -> list[int]:
        return [w for w, at_s in self._last_wished_s.items() if now_s - at_s < window_s]


class RateLimit:
    """Holds each change to the policies, counting the changes made before it."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._changes: deque[tuple[float, int]] = deque()

    def limited(self, now_s: float, current: int, wanted: int) -> int:
        """Return how far from *current* to *wanted* one may go now."""
        if wanted > current:
            return min(wanted, max(current, self._highest(now_s, current)))
        return max(wanted, min(current, self._lowest(now_s, current)))

    def changed(self, now_s: float, by: int) -> None:
        """Note that replicas were added (or with a negative number removed)."""
        self._changes.append((now_s, by))
        longest_s = max((p.period_s for p in self._policies()), default=0.0)
        while self._changes and now_s - self._changes[0][0] > longest_s:
            self._changes.popleft()

    def _policies(self) -> Sequence[Policy]:
        return (*self._behaviour.up.policies, *self._behaviour.down.policies)

    def _highest(self, now_s: float, current: int) -> int:
        rules = self._behaviour.up
        if rules.select is Select.DISABLED:
            return current
        # Rounded up: 10 % of one replica must let it become two, or it never grows.
        proposals = [
            start + policy.value
            if policy.unit is Unit.PODS
            else math.ceil(start * (1 + policy.value / 100))
            for policy in rules.policies
            for start in (self._at_start(now_s, current, policy),)
        ]
        choose = min if rules.select is Select.MIN else max
        return choose(proposals) if proposals else 1 << 31

    def _lowest(self, now_s: float, current: int) -> int:
        rules = self._behaviour.down
        if rules.select is Select.DISABLED:
            return current
        proposals = [
            start - policy.value
            if policy.unit is Unit.PODS
            else int(start * (1 - policy.value / 100))
            for policy in rules.policies
            for start in (self._at_start(now_s, current, policy),)
        ]
        choose = max if rules.select is Select.MIN else min
        return choose(proposals) if proposals else 0

    def _at_start(self, now_s: float, current: int, policy: Policy) -> int:
        """Return how many there were when the policy's period began."""
        return current - sum(by for at_s, by in self._changes if now_s - at_s < policy.period_s)
