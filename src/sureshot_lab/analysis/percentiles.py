"""Percentiles and medians with the interval they may lie in, free of any assumed distribution.

The interval of a quantile lies between two order statistics, chosen by the binomial
distribution of how many values fall below the quantile (Hahn and Meeker, "Statistical
Intervals", 1991, section 5.2). It takes the values to be independent. Latencies of one
run are not quite: a stall touches many of them. So the interval within a run is the
least uncertainty there is, and ``median_of_runs`` over repetitions tells the rest.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from statistics import median
from typing import TYPE_CHECKING

from sureshot_lab.analysis.estimate import Estimate
from sureshot_lab.errors import LabError

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram


def percentile(values: Sequence[float], percent: float, confidence: float = 0.95) -> Estimate:
    """Return the *percent*-th percentile (0 < percent < 100) of *values*, in any order.

    It is the smallest value with at least that share of the sample at or below it, as
    HdrHistogram counts. A bound that the sample is too small for is infinite: the 99th
    percentile has an upper one only above 367 values. ``confidence`` of the result is
    what the interval covers in truth, never less than asked for.

    Raises:
        LabError: no values, or *percent* not between 0 and 100.

    """
    ordered = sorted(map(float, values))
    return _of_ranks(len(ordered), percent, confidence, lambda rank: ordered[rank - 1])


def percentile_of_counts(
    counts: Sequence[tuple[float, int]], percent: float, confidence: float = 0.95
) -> Estimate:
    """Return the same of a histogram: (value, how often), the values rising.

    Raises:
        LabError: an empty histogram, or *percent* not between 0 and 100.

    """
    reached = list(accumulate(count for _value, count in counts))
    total = reached[-1] if reached else 0
    return _of_ranks(total, percent, confidence, lambda rank: counts[bisect_left(reached, rank)][0])


def counts_of(histogram: HdrHistogram) -> list[tuple[float, int]]:
    """Return what a histogram recorded: (highest value of the bucket, count), rising."""
    return [
        (
            float(histogram.get_highest_equivalent_value(step.value_iterated_to)),
            int(step.count_at_value_iterated_to),
        )
        for step in histogram.get_recorded_iterator()
    ]


def median_of_runs(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Return the median over repetitions of a run.

    Six repetitions are the fewest with an interval of 95 %. With fewer the interval is
    from the least to the greatest, and ``confidence`` says what that covers: 93.75 % of
    five, 75 % of three, nothing of one.

    Raises:
        LabError: no values.

    """
    if not values:
        raise LabError("there is no run to take a median of")
    ordered = sorted(map(float, values))
    count = len(ordered)
    low, high, covered = _ranks(count, 0.5, confidence)
    if low < 1 or high > count:
        low, high, covered = 1, count, 1 - 0.5 ** (count - 1)
    return Estimate(median(ordered), ordered[low - 1], ordered[high - 1], covered)


def _of_ranks(
    count: int, percent: float, confidence: float, value_at: Callable[[int], float]
) -> Estimate:
    """Return the percentile of *count* values of which *value_at* tells the n-th, from 1."""
    if not count:
        raise LabError("there is no value to take a percentile of")
    if not 0 < percent < 100:
        raise LabError(f"a percentile lies between 0 and 100, {percent:g} does not")
    share = percent / 100
    # Decimal shares are not exact: 0.07 * 100 must not become rank 8.
    rank = max(1, math.ceil(share * count - 1e-9))
    low, high, covered = _ranks(count, share, confidence)
    return Estimate(
        value_at(rank),
        value_at(low) if low >= 1 else -math.inf,
        value_at(high) if high <= count else math.inf,
        covered,
    )


def _ranks(count: int, share: float, confidence: float) -> tuple[int, int, float]:
    """Return the ranks of both ends, and the probability that the quantile is between them.

    Rank 0 and rank *count* + 1 stand for minus and plus infinity.
    """
    from scipy.stats import binom  # noqa: PLC0415 - takes a second to load

    tail = (1 - confidence) / 2
    low = int(binom.ppf(tail, count, share))
    high = int(binom.ppf(1 - tail, count, share)) + 1
    covered = binom.cdf(high - 1, count, share) - binom.cdf(low - 1, count, share)
    return low, high, float(covered)
