"""Which seconds of a run count as load, and as a load that stays the same."""

from __future__ import annotations

import msgspec
import pytest

from sureshot_lab.analysis.under_load import (
    samples_of,
    seconds_under_load,
    stayed_the_same,
    steady_seconds,
)
from sureshot_lab.result import Event
from tests.lab.analysis.runs import Curve, a_run, samples, seconds


@pytest.mark.parametrize(
    ("rate", "same"),
    [
        (300, True),
        (lambda s: 300 + 14 * (s % 2), True),
        (lambda s: 300 + 30 * (s % 2), False),
        (lambda s: 5 + s % 3, True),
        (lambda s: 100 if s == 29 else 300, True),  # the last second is cut short
        (lambda s: 100 if s == 15 else 300, False),
        (lambda s: 300 + s, False),
    ],
)
def test_whether_a_load_stays_the_same(rate: Curve | float, same: bool) -> None:
    run = a_run(intervals=[*seconds(30, rate=rate), *seconds(40, rate=0)[30:]])
    assert stayed_the_same(run) is same
    assert len(seconds_under_load(run)) == 30


def test_a_run_in_which_something_was_done_did_not_stay_the_same() -> None:
    assert not stayed_the_same(a_run(intervals=seconds(30), events=[Event(at_s=5, what="kill")]))


def test_the_longest_stretch_of_one_rate_is_found() -> None:
    run = a_run(intervals=seconds(60, rate=lambda s: 100 if s < 10 else 500 if s < 45 else 200))
    stretch = steady_seconds(run)
    assert (stretch[0].at_s, stretch[-1].at_s) == (10, 44)


def test_a_gap_ends_a_stretch() -> None:
    first = seconds(20)
    later = [msgspec.structs.replace(one, at_s=one.at_s + 25) for one in seconds(30)]
    stretch = steady_seconds(a_run(intervals=[*first, *later]))
    assert (stretch[0].at_s, len(stretch)) == (25, 30)


def test_samples_are_those_of_the_seconds() -> None:
    run = a_run(intervals=seconds(30), samples=samples(60, host__cpu_share=0.5))
    found = samples_of(run, seconds(30)[5:10])
    assert [sample.at_s for sample in found] == [5, 6, 7, 8, 9, 10]
    assert samples_of(run, []) == []
