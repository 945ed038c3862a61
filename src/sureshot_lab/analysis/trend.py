"""The slope of a series, not led astray by outliers: Theil and Sen, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, median

import numpy as np

from sureshot_lab.analysis.estimate import Estimate
from sureshot_lab.errors import LabError

MOST_POINTS = 1000
"""Longer series are joined by medians of neighbours first: pairs grow with the square."""


def theil_sen(x: Sequence[float], y: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Return the slope of *y* over *x*: the median slope of all pairs of points.

    The interval is Sen's ("Estimates of the regression coefficient based on Kendall's
    tau", 1968), corrected for ties in both. Up to 29 % of the points may be arbitrarily
    wrong. It takes the deviations to be independent; those of neighbouring samples are
    not quite, so that a threshold of practical importance belongs beside it.

    Raises:
        LabError: fewer than 3 points, or all at one x.

    """
    xs, ys = _thinned(x), _thinned(y)
    if len(xs) < 3:
        raise LabError(f"a slope needs 3 points or more, not {len(xs)}")
    first, second = np.triu_indices(len(xs), 1)
    run = xs[second] - xs[first]
    apart = run != 0
    slopes = np.sort((ys[second] - ys[first])[apart] / run[apart])
    if not len(slopes):
        raise LabError("all points are at one place: there is no slope")
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt(_variance(xs, ys))
    # Ranks of the two slopes, from 0; at the ends the interval is that of all slopes.
    low = max(0, round((len(slopes) - reach) / 2) - 1)
    high = min(len(slopes) - 1, round((len(slopes) + reach) / 2))
    return Estimate(float(np.median(slopes)), float(slopes[low]), float(slopes[high]), confidence)


def _thinned(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return at most ``MOST_POINTS`` values: medians of as many neighbours as it takes."""
    together = -(-len(values) // MOST_POINTS)
    if together <= 1:
        return np.asarray(values, dtype=np.float64)
    joined = [median(values[at : at + together]) for at in range(0, len(values), together)]
    return np.asarray(joined, dtype=np.float64)


def _variance(
    xs: np.ndarray[tuple[int], np.dtype[np.float64]],
    ys: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> float:
    """Return the variance of Kendall's S without a trend, smaller where values are tied."""
    count = len(xs)
    total = count * (count - 1) * (2 * count + 5)
    for values in (xs, ys):
        _seen, ties = np.unique(values, return_counts=True)
        total -= int(np.sum(ties * (ties - 1) * (2 * ties + 5)))
    return max(0.0, total / 18)
