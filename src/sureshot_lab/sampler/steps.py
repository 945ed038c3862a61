"""One value over time, cut to the parts of a run that count."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from sureshot_lab.result import Sample

Span = tuple[float, float]
"""From, to: seconds on the clock of the samples."""


class Step(NamedTuple):
    """A value that held, as a mean, for ``duration_s``."""

    duration_s: float
    value: float


def rebase(samples: Sequence[Sample], by_s: float) -> list[Sample]:
    """Return *samples* on a clock that is *by_s* ahead, such as that of the load's start.

    A load that began 3 s after the sampler has its zero there: *by_s* is -3.
    """
    return [Sample(at_s=sample.at_s + by_s, values=sample.values) for sample in samples]


def values_within(samples: Sequence[Sample], name: str, spans: Sequence[Span]) -> list[float]:
    """Return what *name* was at each sample inside *spans*."""
    return [
        sample.values[name]
        for sample in samples
        if name in sample.values and any(a <= sample.at_s <= b for a, b in spans)
    ]


def steps_within(samples: Sequence[Sample], name: str, spans: Sequence[Span]) -> list[Step]:
    """Return *name* as steps, in order of time, each as long as it lies inside *spans*.

    A rate is the mean since it was read before; where it is told for the first time,
    since the sample before.
    """
    steps, before_s, told = [], None, False
    for sample in samples:
        if name in sample.values:
            if before_s is not None:
                held_s = sum(_overlap(before_s, sample.at_s, span) for span in spans)
                if held_s > 0:
                    steps.append(Step(held_s, sample.values[name]))
            before_s, told = sample.at_s, True
        elif not told:
            before_s = sample.at_s
    return steps


def rise_within(samples: Sequence[Sample], name: str, spans: Sequence[Span]) -> float | None:
    """Return by how much a total rose inside *spans*, evenly between two samples; None without."""
    told = [sample for sample in samples if name in sample.values]
    if len(told) < 2:
        return None
    return sum(
        (after.values[name] - before.values[name])
        * sum(_overlap(before.at_s, after.at_s, span) for span in spans)
        / (after.at_s - before.at_s)
        for before, after in pairwise(told)
    )


def mean(steps: Sequence[Step]) -> float | None:
    """Return the mean over time, None without any."""
    duration_s = sum(step.duration_s for step in steps)
    return integral(steps) / duration_s if duration_s > 0 else None


def integral(steps: Sequence[Step]) -> float:
    """Return value times time: cores give CPU seconds, a rate gives a count."""
    return sum(step.duration_s * step.value for step in steps)


def highest_mean(steps: Sequence[Step], window_s: float) -> float | None:
    """Return the highest mean over *window_s* in a row; over all when there is less of it.

    A window is made of whole steps; 5 % too short is long enough, as ticks jitter.
    """
    best, first, duration_s = None, 0, 0.0
    for last, step in enumerate(steps):
        duration_s += step.duration_s
        while duration_s - steps[first].duration_s >= 0.95 * window_s:
            duration_s -= steps[first].duration_s
            first += 1
        if duration_s >= 0.95 * window_s:
            found = mean(steps[first : last + 1])
            best = found if best is None or (found is not None and found > best) else best
    return mean(steps) if best is None else best


def _overlap(begin_s: float, end_s: float, span: Span) -> float:
    return max(0.0, min(end_s, span[1]) - max(begin_s, span[0]))
