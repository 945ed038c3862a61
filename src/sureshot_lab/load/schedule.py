"""When arrivals are due: evenly spaced along stages, computed and not drawn.

The n-th arrival, counted from 0, is due when the integral of the rate reaches
n + 1/2: a constant rate gives equal gaps, with half of one before the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from sureshot_lab.scenario import Stage

ROUNDING = 1e-6
"""A rounding error below one millionth of an arrival is none that is missing."""


def arrivals(stages: Sequence[Stage]) -> int:
    """Return how many arrivals *stages* hold: their integral, rounded down."""
    return int(_integral(stages) + ROUNDING)


def due_times(stages: Sequence[Stage], first: int = 0, step: int = 1) -> Iterator[float]:
    """Yield when arrivals *first*, *first* + *step*, ... are due, in seconds from the start."""
    count = arrivals(stages)
    number = first
    began_s, before = 0.0, 0.0
    for duration_s, start, end in stages:
        after = before + (start + end) / 2 * duration_s
        growth = (end - start) / duration_s if duration_s else 0.0
        while number < count and number + 0.5 < after:
            within = number + 0.5 - before
            # The root of start * t + growth/2 * t^2 = within, in the form without cancellation.
            root = math.sqrt(max(0.0, start * start + 2 * growth * within))
            yield began_s + min(duration_s, 2 * within / (start + root))
            number += step
        began_s += duration_s
        before = after


def intended(stages: Sequence[Stage]) -> list[int]:
    """Return the arrivals meant for each second of *stages*; their sum is the whole load's."""
    seconds = math.ceil(sum(duration_s for duration_s, _start, _end in stages) - ROUNDING)
    due = [math.ceil(_integral(stages, second) - 0.5 - ROUNDING) for second in range(seconds)]
    due.append(arrivals(stages))
    return [after - before for before, after in pairwise(due)]


def _integral(stages: Sequence[Stage], until_s: float = math.inf) -> float:
    total = 0.0
    for duration_s, start, end in stages:
        within_s = min(duration_s, until_s)
        if within_s <= 0:
            continue
        rate = start + (end - start) * within_s / duration_s
        total += (start + rate) / 2 * within_s
        until_s -= within_s
    return total
