"""Arrivals come when they are meant to: as many as the integral, evenly spaced along it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot_lab.load.schedule import arrivals, due_times, intended

Stages = list[tuple[float, float, float]]
RATES = st.floats(0, 500)
STAGES = st.lists(st.tuples(st.floats(0, 20), RATES, RATES), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("stages", "count"),
    [
        ([(10, 167, 167)], 1670),
        ([(10, 0, 100)], 500),
        ([(10, 100, 0)], 500),
        ([(1, 10, 10), (0, 10, 90), (1, 90, 10)], 60),
        ([(0.1, 7, 7)], 0),
        ([(4, 0.5, 0.5)], 2),
        ([(3, 10, 10), (5, 0, 0), (1, 10, 20)], 45),
    ],
)
def test_there_are_as_many_as_the_integral_of_the_rate(stages: Stages, count: int) -> None:
    assert arrivals(stages) == count
    assert len(list(due_times(stages))) == count
    assert sum(intended(stages)) == count


def test_a_constant_rate_has_equal_gaps() -> None:
    times = list(due_times([(10, 250, 250)]))
    assert times[0] == pytest.approx(0.002)
    assert {round(later - earlier, 9) for earlier, later in pairwise(times)} == {0.004}
    assert times[-1] == pytest.approx(9.998)


def test_a_ramp_is_followed_arrival_by_arrival() -> None:
    for number, due_s in enumerate(due_times([(20, 10, 110)])):
        assert 10 * due_s + 2.5 * due_s**2 == pytest.approx(number + 0.5)


def test_a_pause_holds_nothing_and_delays_nothing() -> None:
    times = list(due_times([(1, 4, 4), (2, 0, 0), (1, 4, 4)]))
    assert times == pytest.approx([0.125, 0.375, 0.625, 0.875, 3.125, 3.375, 3.625, 3.875])


@given(STAGES)
def test_any_stages_give_rising_times_within_them(stages: Stages) -> None:
    times = list(due_times(stages))
    assert len(times) == arrivals(stages)
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert not times or 0 <= times[0] <= times[-1] <= sum(stage[0] for stage in stages)


@given(STAGES, st.integers(1, 5))
def test_processes_share_one_schedule(stages: Stages, processes: int) -> None:
    shared = [due for first in range(processes) for due in due_times(stages, first, processes)]
    assert sorted(shared) == list(due_times(stages))


@pytest.mark.parametrize(
    ("stages", "counts"),
    [
        ([(3, 10, 10)], [10, 10, 10]),
        ([(2, 0, 20)], [5, 15]),
        ([(1.5, 10, 10), (1.5, 20, 20)], [10, 15, 20]),
        ([(4, 0.5, 0.5)], [0, 1, 0, 1]),
        ([(0.25, 8, 8), (0.25, 4, 4)], [3]),
        ([(1, 5, 5), (0, 5, 50), (1, 50, 50)], [5, 50]),
    ],
)
def test_each_second_has_what_is_due_in_it(stages: Stages, counts: list[int]) -> None:
    assert intended(stages) == counts
    times = list(due_times(stages))
    assert [sum(n <= due + 1e-9 < n + 1 for due in times) for n in range(len(counts))] == counts
