"""How evenly work is spread: over workers, endpoints, tenants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, pstdev

from sureshot_lab.errors import LabError


def jain_index(shares: Sequence[float]) -> float:
    """Return Jain's index of *shares*: 1 when all are equal, 1/n when one has everything.

    (sum x)^2 / (n sum x^2); Jain, Chiu and Hawe, "A Quantitative Measure of Fairness",
    1984. Shares of nothing at all are equal: 1.

    Raises:
        LabError: no shares, or a negative one.

    """
    if not shares or min(shares) < 0:
        raise LabError("fairness is of one share or more, none of them negative")
    largest = max(shares)
    if not largest:
        return 1.0
    # By the largest, so that squares neither overflow nor vanish.
    scaled = [share / largest for share in shares]
    return math.fsum(scaled) ** 2 / (len(scaled) * math.fsum(x * x for x in scaled))


def coefficient_of_variation(values: Sequence[float]) -> float:
    """Return the standard deviation by the mean; 0 when all are equal.

    Raises:
        LabError: no values, or a mean of 0.

    """
    if not values or not fmean(values):
        raise LabError("a coefficient of variation needs values whose mean is not 0")
    return pstdev(values) / abs(fmean(values))
