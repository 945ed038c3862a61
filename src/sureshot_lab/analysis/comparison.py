"""Two sets of repetitions held against each other: different, by how much, how certain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

from sureshot_lab.analysis.estimate import Estimate
from sureshot_lab.analysis.rank_sum import (
    EXACT_UP_TO,
    exact_p,
    hodges_lehmann_ranks,
    normal_p,
    u_statistic,
)
from sureshot_lab.analysis.wording import change, told, unit_of
from sureshot_lab.errors import LabError

FEWEST = 4
"""Of two sets of three no difference at all has a p below 0.05: 2 of 20 orders are as extreme."""
ALPHA = 0.05
FALSE_DISCOVERIES = 0.10
MOSTLY_LATER = 0.5
LEAST = 0.02
"""A difference within this share is of no practical importance, however certain it is."""


class Answer(StrEnum):
    """What the comparison says of B."""

    NO_DIFFERENCE = "no difference"
    WORSE = "worse"
    BETTER = "better"
    TOO_FEW = "too few"


@dataclass(frozen=True)
class Comparison:
    """B against A. ``change``: of B by A, minus 1, with its interval (Hodges and Lehmann).

    ``p``: of Mann and Whitney's U, two-sided. ``delta``: Cliff's, the share of pairs in
    which B is greater less that in which it is smaller, -1 to 1.
    """

    metric: str
    answer: Answer
    a_median: float
    b_median: float
    change: Estimate
    p: float
    delta: float
    sentence: str


def compare(
    a: Sequence[float],
    b: Sequence[float],
    metric: str = "",
    *,
    higher_is_better: bool | None = None,
    alpha: float = ALPHA,
    least: float = LEAST,
) -> Comparison:
    """Compare repetitions *a* and *b* of one positive figure, no outlier removed.

    B differs when Mann-Whitney's p is below *alpha* (exact up to 40 values, ties
    included; Mann and Whitney, 1947) and the shift is more than *least* of A. The shift
    is the median of all ratios b/a, its interval the one that belongs to the same test:
    it leaves out 0 whenever p is below *alpha*. Both sets should be taken in turns, ABAB,
    so that a machine that changes meanwhile changes both. Whether more is better is read
    off the name of *metric* when it is not told.

    Raises:
        LabError: a set is empty, or a value is not above 0.

    """
    if not a or not b:
        raise LabError("there is nothing to compare: one of the sets is empty")
    if min(*a, *b) <= 0:
        raise LabError(f"{metric or 'the figure'} must be above 0 in every run to be compared")
    better_up = more_is_better(metric) if higher_is_better is None else higher_is_better
    p = exact_p(a, b) if len(a) + len(b) <= EXACT_UP_TO else normal_p(a, b)
    shift = _shift(a, b, alpha)
    answer = _answer(a, b, p < alpha and abs(shift.value) > least, shift.value > 0, better_up)
    u = u_statistic(a, b)
    return Comparison(
        metric,
        answer,
        median(a),
        median(b),
        shift,
        p,
        2 * u / (len(a) * len(b)) - 1,
        _sentence(answer, metric, shift, median(a), median(b), min(len(a), len(b))),
    )


def compare_all(
    a: Mapping[str, Sequence[float]], b: Mapping[str, Sequence[float]]
) -> list[Comparison]:
    """Compare every metric that both have, in the order of *a*, as one question.

    Seven metrics tested at 5 % each would call every third pair of equal sets different.
    So a difference counts only if it also passes Benjamini and Hochberg's step-up
    ("Controlling the False Discovery Rate", 1995) at 10 %: of ten pairs of equal sets
    nine at least are told to be equal in everything. A difference in one of seven
    metrics needs five repetitions of each, one in most of them four. Metrics with a
    value that is not above 0 are left out.
    """
    compared = [
        compare(values, b[name], name)
        for name, values in a.items()
        if values and b.get(name) and min(*values, *b[name]) > 0
    ]
    tested = sorted(one.p for one in compared if one.answer is not Answer.TOO_FEW)
    passing = (p for rank, p in enumerate(tested, 1) if p <= rank / len(tested) * FALSE_DISCOVERIES)
    highest = max(passing, default=0.0)
    return [one if one.p <= highest else _by_chance(one, len(tested)) for one in compared]


def _by_chance(compared: Comparison, tests: int) -> Comparison:
    """Take back a difference that as many tests show by chance."""
    if compared.answer not in {Answer.WORSE, Answer.BETTER}:
        return compared
    shift = compared.change
    return replace(
        compared,
        answer=Answer.NO_DIFFERENCE,
        sentence=f"no difference that chance does not show in one of {tests} metrics: "
        f"{change(shift.value)} [{change(shift.low)}, {change(shift.high)}]",
    )


def taken_in_turns(a_at_s: Sequence[float], b_at_s: Sequence[float]) -> bool:
    """Whether runs that began at these times alternate: neither set is mostly the later one.

    If not, a machine that became slower meanwhile looks like a difference between them.
    """
    later = 2 * u_statistic(a_at_s, b_at_s) / (len(a_at_s) * len(b_at_s)) - 1
    return abs(later) <= MOSTLY_LATER


def more_is_better(metric: str) -> bool:
    """Return whether a metric of that name is the better the higher it is: rates and success."""
    return unit_of(metric) in {"per_s", "per_min"} or metric.endswith("success_share")


def _answer(
    a: Sequence[float], b: Sequence[float], differs: bool, rose: bool, better_up: bool
) -> Answer:
    if min(len(a), len(b)) < FEWEST:
        return Answer.TOO_FEW
    if not differs:
        return Answer.NO_DIFFERENCE
    return Answer.BETTER if rose == better_up else Answer.WORSE


def _shift(a: Sequence[float], b: Sequence[float], alpha: float) -> Estimate:
    """Return the median of all ratios b/a, less 1, with the interval that U gives it."""
    ratios = sorted(one / other for one in b for other in a)
    low, high = hodges_lehmann_ranks(len(a), len(b), alpha)
    if low < 1:
        return Estimate(median(ratios) - 1, -math.inf, math.inf, 1 - alpha)
    return Estimate(median(ratios) - 1, ratios[low - 1] - 1, ratios[high - 1] - 1, 1 - alpha)


def _sentence(
    answer: Answer, metric: str, shift: Estimate, a: float, b: float, repetitions: int
) -> str:
    unit = unit_of(metric)
    medians = f"{told(a, unit)} and {told(b, unit)}"
    if answer is Answer.TOO_FEW:
        return (
            f"{repetitions} repetitions are too few to tell: {FEWEST} of each are the least "
            f"(medians {medians})"
        )
    interval = f"[{change(shift.low)}, {change(shift.high)}]"
    if answer is Answer.NO_DIFFERENCE:
        return f"no difference: {change(shift.value)} {interval} (medians {medians})"
    up, down = ("slower", "faster") if unit == "s" else ("higher", "lower")
    how = up if shift.value > 0 else down
    return f"B is {how} by {abs(shift.value) * 100:.1f} % {interval}, {answer} (medians {medians})"
