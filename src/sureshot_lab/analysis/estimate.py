"""A figure and the interval its true value lies in: what every statistic here returns."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value between two bounds that hold the truth with probability ``confidence``.

    A bound is infinite where the sample is too small to tell one at that confidence.
    """

    value: float
    low: float
    high: float
    confidence: float = 0.95

    @property
    def bounded(self) -> bool:
        """Whether both ends are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def scaled(self, factor: float) -> Estimate:
        """Return the estimate in another unit, *factor* of which make one; *factor* > 0."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor, self.confidence)

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high
