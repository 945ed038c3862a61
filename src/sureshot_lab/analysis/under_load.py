"""The part of a run in which load was offered, or stayed the same, and what was sampled then."""

from __future__ import annotations

from collections.abc import Sequence

from sureshot_lab.result import Interval, RunResult, Sample

VARIES = 0.05
"""Rates no further apart than this share of the higher are the same load."""
A_FEW = 2
"""Nor are rates that differ by so many arrivals: seconds do not begin with one."""
GAP_S = 1.5


def seconds_under_load(result: RunResult) -> list[Interval]:
    """Return the seconds something was to be sent in; those of the drain after it are left out."""
    return [one for one in result.intervals if one.intended]


def steady_seconds(result: RunResult) -> list[Interval]:
    """Return the longest stretch of seconds in which the intended rate stayed the same."""
    longest: list[Interval] = []
    stretch: list[Interval] = []
    for second in seconds_under_load(result):
        if stretch and not _goes_on(stretch, second):
            stretch = []
        stretch.append(second)
        if len(stretch) > len(longest):
            longest = list(stretch)
    return longest


def stayed_the_same(result: RunResult) -> bool:
    """Whether one rate was offered from the first second to the last, and nothing was done."""
    # The last second may be cut short by the end of the load.
    return not result.events and len(steady_seconds(result)) >= len(seconds_under_load(result)) - 1


def samples_of(result: RunResult, seconds: Sequence[Interval]) -> list[Sample]:
    """Return what was sampled between the first and the last of *seconds*."""
    if not seconds:
        return []
    first_s, last_s = seconds[0].at_s, seconds[-1].at_s + 1
    return [sample for sample in result.samples if first_s <= sample.at_s <= last_s]


def _goes_on(stretch: Sequence[Interval], second: Interval) -> bool:
    rate, first = second.intended, stretch[0].intended
    same = abs(rate - first) <= max(A_FEW, VARIES * max(rate, first))
    return same and second.at_s - stretch[-1].at_s <= GAP_S
