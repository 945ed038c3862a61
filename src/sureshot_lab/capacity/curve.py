"""A figure that changes with the rate: as measured, and between what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np


@dataclass(frozen=True)
class Curve:
    """``points``: a rate and the figure there, both above 0, by rising rate."""

    points: tuple[tuple[float, float], ...]

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest rate measured."""
        return self.points[0][0], self.points[-1][0]

    def at(self, rate_per_s: float) -> float:
        """Return the figure at a rate: straight in logarithms, and flat beyond the ends.

        What many webhooks share falls by powers of the rate.
        """
        rates, figures = np.log(np.array(self.points)).T
        return float(np.exp(np.interp(np.log(rate_per_s), rates, figures)))


def curve_of(seen: Iterable[tuple[float, float]], same_rate: float) -> Curve:
    """Return the medians of *seen*, rates with what was measured there.

    Rates no further apart than the share *same_rate* are one. At least one is above 0.
    """
    groups: list[list[tuple[float, float]]] = []
    for rate, figure in sorted(one for one in seen if min(one) > 0):
        if groups and rate <= groups[-1][0][0] * (1 + same_rate):
            groups[-1].append((rate, figure))
        else:
            groups.append([(rate, figure)])
    return Curve(
        tuple((fmean(r for r, _f in group), median(f for _r, f in group)) for group in groups)
    )
