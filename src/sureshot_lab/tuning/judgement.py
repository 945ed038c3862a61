"""The best candidate against where it began: whether it is better, and what is recommended."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from sureshot_lab.analysis.baselines import KEY_METRICS
from sureshot_lab.analysis.comparison import (
    ALPHA,
    FEWEST,
    Answer,
    Comparison,
    compare,
    compare_all,
)
from sureshot_lab.analysis.rank_sum import exact_p
from sureshot_lab.analysis.wording import change
from sureshot_lab.report.titles import title_of
from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.tuning.objective import Objective


class Outcome(StrEnum):
    """What a tuning came to. Only ``BETTER`` recommends other settings than it began at."""

    BETTER = "better"
    NO_DIFFERENCE = "no difference"
    UNDECIDED = "undecided"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome in a sentence, and the figures of both sides it stands on.

    ``compared``: the objective first. ``kept``: runs that kept every gate, of how many, of
    what it began at and of the candidate.
    """

    outcome: Outcome
    says: str
    compared: list[Comparison] = []
    kept: tuple[tuple[int, int], tuple[int, int]] | None = None


def judge(
    before: Sequence[RunResult], after: Sequence[RunResult], objective: Objective, start: str
) -> Judgement:
    """Hold repetitions of the candidate, *after*, against those of *start*, *before*.

    The objective was chosen before the search and is one test at 5 %; the other figures
    are tested together (``compare_all``) and decide nothing. Better gates count too: a
    candidate that keeps them where the other does not needs no better figure.
    """
    old, new = (_values(side, objective.metric) for side in (before, after))
    if min(len(old), len(new)) < FEWEST:
        return Judgement(
            outcome=Outcome.UNDECIDED,
            says=f"undecided: {len(old)} valid runs of {start} and {len(new)} of "
            f"the candidate are too few to tell; {FEWEST} of each are the least",
        )
    first = compare(old, new, objective.metric, higher_is_better=objective.higher_is_better)
    kept = [[float(run.verdict is Verdict.PASS) for run in side] for side in (before, after)]
    outcome, says = _decided(first, kept, start)
    return Judgement(
        outcome=outcome,
        says=says,
        compared=[first, *_others(before, after, objective.metric)],
        kept=((int(sum(kept[0])), len(kept[0])), (int(sum(kept[1])), len(kept[1]))),
    )


def _decided(first: Comparison, kept: Sequence[Sequence[float]], start: str) -> tuple[Outcome, str]:
    told = f"{change(first.change.value)} [{change(first.change.low)}, {change(first.change.high)}]"
    figures = f"{title_of(first.metric)} {told}, p = {first.p:.3f}"
    before, after = (sum(side) / len(side) for side in kept)
    if after > before and exact_p(*kept) < ALPHA:
        return Outcome.BETTER, f"the candidate keeps gates that {start} missed: {figures}"
    if after < 1:
        missed = f"{len(kept[1]) - int(sum(kept[1]))} of its {len(kept[1])} runs"
        return (
            Outcome.NO_DIFFERENCE,
            f"keep {start}: the candidate missed gates in {missed}: {figures}",
        )
    if first.answer is Answer.BETTER:
        return Outcome.BETTER, f"the candidate is better: {figures}"
    if first.answer is Answer.WORSE:
        return (
            Outcome.NO_DIFFERENCE,
            f"keep {start}: measured again, the candidate is worse: {figures}",
        )
    return Outcome.NO_DIFFERENCE, f"keep {start}: no significant difference: {figures}"


def _others(
    before: Sequence[RunResult], after: Sequence[RunResult], objective: str
) -> list[Comparison]:
    names = [name for name in KEY_METRICS if name != objective]
    sides = [{name: _values(side, name) for name in names} for side in (before, after)]
    return compare_all(*sides)


def _values(runs: Sequence[RunResult], metric: str) -> list[float]:
    known = [run.metrics.get(metric, 0.0) for run in runs]
    return [value for value in known if value > 0]
