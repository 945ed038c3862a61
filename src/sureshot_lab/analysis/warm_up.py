"""How long a run warms up, and whether it is steady after that."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from sureshot_lab.analysis.trend import theil_sen
from sureshot_lab.analysis.wording import change, percent
from sureshot_lab.result import Interval

BATCH = 5
LONG = 50
"""From so many values on they are taken in batches of five, below that one by one."""
MATTERS = 0.10
"""A beginning whose median is within this share of the rest's is no warm-up worth dropping."""
DRIFT = 0.10
"""A change over the whole window within this share of its median is steady enough."""
FEWEST = 15
FEWEST_STEADY = 8
ON_END = 3
MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class WarmUp:
    """``drop_s`` seconds from the start belong to no statement about the steady state.

    ``settled`` is False when the series had not come to rest by its half: the rest is
    not steady either, and the run was too short.
    """

    drop_s: float
    settled: bool
    reason: str


@dataclass(frozen=True)
class SteadyState:
    """Whether a series stays where it is. ``drift``: its change over the window, by its median."""

    steady: bool
    drift: float
    reason: str


def find_warm_up(series: Sequence[float], step_s: float = 1.0) -> WarmUp:
    """Return how much of *series*, one value every *step_s*, is warm-up.

    MSER-5 (White, Cobb and Spratt, "A comparison of five steady-state truncation
    heuristics for simulation", 2000) drops so many values that the standard error of the
    mean of the rest is smallest, but never more than half of them. Noise makes it drop
    more than it must, so only what comes before the first three values on end that are
    like that rest is a warm-up; and nothing, if its median is like the rest's as well.
    """
    if len(series) < FEWEST:
        return WarmUp(0.0, True, f"{len(series)} values are too few to find a warm-up in")
    batch = BATCH if len(series) >= LONG else 1
    means = [fmean(series[at : at + batch]) for at in range(0, len(series) - batch + 1, batch)]
    truncated = _truncation(means)
    rest = series[truncated * batch :]
    # Smallest at the last truncation allowed: it would fall further beyond it.
    unsettled = truncated >= len(means) // 2 and not steady_state(rest).steady
    dropped = truncated * batch if unsettled else _first_like(rest, series[: truncated * batch])
    if not dropped or not _stands_out(series[:dropped], rest):
        return WarmUp(0.0, True, "steady from the start")
    before, after = median(series[:dropped]), median(rest)
    drop_s = dropped * step_s
    told = f"the first {drop_s:g} s differ from the rest by {_difference(before, after)}"
    if unsettled:
        return WarmUp(drop_s, False, f"{told}, and the run had not settled by its half")
    return WarmUp(drop_s, True, told)


def warm_up_of(intervals: Sequence[Interval]) -> WarmUp:
    """Return the warm-up of a load: the longer one of its p95 and its share of success.

    Shares, not rates, so that a load which rises by plan does not look like a warm-up.
    """
    if not intervals:
        return WarmUp(0.0, True, "no seconds were measured")
    found = [
        _from_start(intervals, lambda second: second.p95_s),
        _from_start(intervals, _success_share),
    ]
    return max(found, key=lambda warm_up: warm_up.drop_s)


def steady_state(series: Sequence[float]) -> SteadyState:
    """Return whether *series*, evenly spaced and its warm-up dropped, has no trend that matters.

    It is not steady when the whole interval of its Theil-Sen slope says that it changes
    by more than ``DRIFT`` of its median over the window. A slope that may as well be none
    is no evidence of a drift.
    """
    if len(series) < FEWEST_STEADY:
        return SteadyState(False, math.nan, f"{len(series)} values are too few to tell")
    level = abs(median(series))
    slope = theil_sen(range(len(series)), series)
    over_window = slope.scaled(len(series) - 1)
    if not level:
        steady = 0.0 in slope
        return SteadyState(steady, 0.0 if steady else math.inf, "it is about 0")
    least = min(abs(over_window.low), abs(over_window.high)) if 0.0 not in slope else 0.0
    drift = over_window.value / level
    if least > DRIFT * level:
        return SteadyState(False, drift, f"it changes by {change(drift)} over the window")
    return SteadyState(True, drift, f"it stays within {percent(max(DRIFT, abs(drift)))}")


def _truncation(means: Sequence[float]) -> int:
    """Return how many leading *means* to drop, at most half: the least MSER statistic.

    The statistic is the sum of squares about the mean of what is kept, by the square of
    how many those are. Sums are built from the end, so that it takes one pass.
    """
    best, best_at = math.inf, 0
    total = squares = 0.0
    shift = means[-1]  # sums of squares of large values lose their small differences
    for kept, value in enumerate(reversed(means), 1):
        total += value - shift
        squares += (value - shift) ** 2
        statistic = max(0.0, squares - total * total / kept) / kept**2
        at = len(means) - kept
        if at <= len(means) // 2 and statistic <= best:
            best, best_at = statistic, at
    return best_at


def _first_like(rest: Sequence[float], beginning: Sequence[float]) -> int:
    """Return where the first values on end are that lie as far from the middle as *rest* does."""
    level = median(rest)
    near = max(MATTERS * abs(level), 3 * _spread(rest))
    like = [abs(value - level) <= near for value in beginning]
    for at in range(len(like)):
        if all(like[at : at + ON_END]):
            return at
    return len(beginning)


def _stands_out(beginning: Sequence[float], rest: Sequence[float]) -> bool:
    """Whether the medians differ by what matters, and by more than noise of that many values."""
    level = median(rest)
    apart = abs(median(beginning) - level)
    noise = 2 * _spread(rest) / math.sqrt(len(beginning))
    return apart > MATTERS * abs(level) and apart > noise


def _spread(values: Sequence[float]) -> float:
    """Return the standard deviation that the median absolute deviation stands for."""
    level = median(values)
    return MAD_TO_SIGMA * median(abs(value - level) for value in values)


def _difference(before: float, after: float) -> str:
    return change(before / after - 1) if after else f"{before:.3g}"


def _success_share(second: Interval) -> float | None:
    return second.succeeded / second.intended if second.intended else None


def _from_start(
    intervals: Sequence[Interval], value_of: Callable[[Interval], float | None]
) -> WarmUp:
    """Find the warm-up of one value, in seconds from the first interval."""
    known = [(one.at_s, value) for one in intervals if (value := value_of(one)) is not None]
    found = find_warm_up([value for _at_s, value in known])
    if not found.drop_s:
        return found
    kept_from_s = known[int(found.drop_s)][0]
    return WarmUp(kept_from_s - intervals[0].at_s, found.settled, found.reason)
