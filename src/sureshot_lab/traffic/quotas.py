"""Shares turned into whole numbers that add up."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sureshot_lab.errors import LabError


def quotas(shares: Sequence[float], count: int) -> list[int]:
    """Return how many of *count* fall to each of *shares*, by the largest remainder.

    The shares need not add up to 1. Each quota is less than one away from its exact
    value; of equal remainders the first is served first (Hamilton's method).

    Raises:
        LabError: a share is negative or not finite, or all are 0.

    """
    total = math.fsum(shares)
    if not all(share >= 0 and math.isfinite(share) for share in shares) or total <= 0:
        raise LabError(f"shares must be 0 or more, and not all 0: {list(shares)}")
    exact = [count * (share / total) for share in shares]
    whole = [math.floor(value) for value in exact]
    left = count - sum(whole)
    by_remainder = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
    for index in by_remainder[:left]:
        whole[index] += 1
    return whole
