"""How long after a fault all is well again."""

from __future__ import annotations

from sureshot_lab.analysis.recovery import recovery
from sureshot_lab.result import Interval
from tests.lab.analysis.runs import seconds


def struck(until_s: float, worst_s: float = 0.8) -> list[Interval]:
    """Return a minute with a fault from second 20 to 25 that is felt up to *until_s*."""
    return seconds(60, p95_s=lambda s: worst_s if 20 <= s < until_s else 0.010)


def test_the_time_counts_from_the_end_of_the_disturbance() -> None:
    found = recovery(struck(33), 20.0, 25.0)
    assert found is not None
    assert found.after_s == 8
    assert found.before_s == 0.010
    assert "8 s after it" in found.reason


def test_what_was_never_felt_recovers_at_once() -> None:
    found = recovery(struck(20), 20.0)
    assert found is not None
    assert found.after_s == 0


def test_a_second_that_is_well_by_chance_does_not_count() -> None:
    flapping = seconds(60, p95_s=lambda s: 0.8 if 20 <= s < 40 and s % 4 else 0.010)
    found = recovery(flapping, 20.0, 25.0)
    assert found is not None
    assert found.after_s == 15


def test_failures_are_not_well_however_fast_they_are() -> None:
    found = recovery(seconds(60, failed=lambda s: 30 if 20 <= s < 31 else 0), 20.0, 25.0)
    assert found is not None
    assert found.after_s == 6


def test_seconds_nobody_answered_in_are_not_well() -> None:
    silent = [
        Interval(at_s=one.at_s, intended=300, sent=300, succeeded=0, failed=0)
        if 20 <= one.at_s < 28
        else one
        for one in seconds(60)
    ]
    found = recovery(silent, 20.0)
    assert found is not None
    assert found.after_s == 8


def test_seconds_without_load_are_well() -> None:
    pause = [
        Interval(at_s=one.at_s, intended=0, sent=0, succeeded=0, failed=0)
        if 20 <= one.at_s < 28
        else one
        for one in seconds(60)
    ]
    found = recovery(pause, 20.0)
    assert found is not None
    assert found.after_s == 0


def test_a_run_that_ends_too_soon_has_not_recovered() -> None:
    found = recovery(struck(57), 20.0, 25.0)
    assert found is not None
    assert found.after_s is None
    assert "did not stay at 50 ms or less for 5 s" in found.reason


def test_what_is_far_below_the_promise_is_no_trouble() -> None:
    quick = seconds(60, p95_s=lambda s: 0.002 if s < 20 else 0.045)
    found = recovery(quick, 20.0)
    assert found is not None
    assert found.after_s == 0


def test_the_factor_decides_what_is_well() -> None:
    worse = seconds(60, p95_s=lambda s: 0.1 if s < 20 else 0.25)
    assert recovery(worse, 20.0).after_s is None  # type: ignore[union-attr]
    assert recovery(worse, 20.0, factor=3).after_s == 0  # type: ignore[union-attr]


def test_without_a_time_before_there_is_nothing_to_compare_with() -> None:
    assert recovery(seconds(60), 0.0) is None
