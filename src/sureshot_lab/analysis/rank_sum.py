"""Mann and Whitney's U: its value, its exact distribution, and the interval it gives a shift."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

EXACT_UP_TO = 40
"""Values in both sets together; above it the normal distribution is as good."""


def u_statistic(a: Sequence[float], b: Sequence[float]) -> float:
    """Return in how many pairs b is greater than a; a tie counts half."""
    return sum((two > one) + 0.5 * (two == one) for one in a for two in b)


def exact_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the two-sided p: the share of all divisions of the values as uneven as this one.

    Ties are no difficulty: the sums of midranks are counted as they are. The work grows
    with the fourth power of their number; 40 take a tenth of a second.
    """
    ranks = doubled_midranks([*a, *b])
    # How many subsets of each size have each sum of ranks.
    subsets: list[Counter[int]] = [Counter({0: 1}), *(Counter() for _ in a)]
    for rank in ranks:
        for size in range(len(a), 0, -1):
            for total, ways in subsets[size - 1].items():
                subsets[size][total + rank] += ways
    middle = len(a) * (len(ranks) + 1)
    observed = abs(sum(ranks[: len(a)]) - middle)
    uneven = sum(ways for total, ways in subsets[len(a)].items() if abs(total - middle) >= observed)
    return uneven / math.comb(len(ranks), len(a))


def normal_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the same by the normal distribution, corrected for ties and continuity."""
    count = len(a) + len(b)
    mean = len(a) * len(b) / 2
    tied = sum(ties**3 - ties for ties in Counter([*a, *b]).values())
    variance = mean / 6 * ((count + 1) - tied / (count * (count - 1)))
    if not variance:
        return 1.0
    apart = max(0.0, abs(u_statistic(a, b) - mean) - 0.5)
    return min(1.0, 2 * (1 - NormalDist().cdf(apart / math.sqrt(variance))))


def doubled_midranks(values: Sequence[float]) -> list[int]:
    """Return twice the rank of each value, ties sharing the mean of theirs: whole numbers."""
    ordered = sorted(values)
    first: dict[float, int] = {}
    last: dict[float, int] = {}
    for rank, value in enumerate(ordered, 1):
        first.setdefault(value, rank)
        last[value] = rank
    return [first[value] + last[value] for value in values]


def hodges_lehmann_ranks(a_count: int, b_count: int, alpha: float) -> tuple[int, int]:
    """Return which of the sorted pairwise shifts, from 1, bound the interval of 1 - *alpha*.

    The interval of Hollander and Wolfe ("Nonparametric Statistical Methods", section
    4.3). (0, 0) when the sets are too small for one.
    """
    pairs = a_count * b_count
    if a_count + b_count > EXACT_UP_TO:
        spread = math.sqrt(pairs * (a_count + b_count + 1) / 12)
        below = math.floor(pairs / 2 - NormalDist().inv_cdf(1 - alpha / 2) * spread)
        return (below, pairs + 1 - below) if below >= 1 else (0, 0)
    total = math.comb(a_count + b_count, a_count)
    reached = 0
    for u in range(pairs):
        reached += _ways(a_count, b_count, u)
        if reached > alpha / 2 * total:
            return (u, pairs + 1 - u) if u else (0, 0)
    return 0, 0


@cache
def _ways(a_count: int, b_count: int, u: int) -> int:
    """Return in how many orders of the values U is *u*, without ties."""
    if u < 0 or a_count < 0 or b_count < 0:
        return 0
    if not a_count or not b_count:
        return int(u == 0)
    # The greatest value is one of b, above all of a; or one of a, above none that counts.
    return _ways(a_count, b_count - 1, u - a_count) + _ways(a_count - 1, b_count, u)
