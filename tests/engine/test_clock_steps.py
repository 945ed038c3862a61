"""A clock that is set is told from time that passes."""

from __future__ import annotations

from datetime import timedelta

from sureshot.delivery.clock_steps import ClockSteps
from tests.support.clock import HurriedClock

LEASE_S = 60.0


def _seconds(steps: ClockSteps) -> int:
    return round(steps.grace() / timedelta(seconds=1))


def test_time_that_passes_is_no_step() -> None:
    clock = HurriedClock()
    steps = ClockSteps(clock, LEASE_S)
    for passed_s in (0.5, 5.0, 3600.0):
        clock.advance(passed_s)
        assert _seconds(steps) == 0


def test_steps_forward_add_up_and_count_until_every_lease_from_before_has_ended() -> None:
    clock = HurriedClock()
    steps = ClockSteps(clock, LEASE_S)
    clock.set_forward(100)
    assert _seconds(steps) == 100
    clock.advance(LEASE_S - 1)
    clock.set_forward(20)
    assert _seconds(steps) == 120
    clock.advance(LEASE_S - 1)
    assert _seconds(steps) == 120
    clock.advance(2)
    assert _seconds(steps) == 0


def test_a_step_back_takes_away_what_one_forward_gave() -> None:
    clock = HurriedClock()
    steps = ClockSteps(clock, LEASE_S)
    clock.set_forward(100)
    assert _seconds(steps) == 100
    clock.set_forward(-100)
    assert _seconds(steps) == 0
    clock.set_forward(-50)
    assert _seconds(steps) == 0
    clock.set_forward(50)
    assert _seconds(steps) == 50, "leases given between the two steps still run"
