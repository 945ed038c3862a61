"""Loads that change, as stages: how long, how much, how high."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot_lab.errors import LabError
from sureshot_lab.scenario import Stage
from sureshot_lab.traffic.bursts import arrivals, daily_shape, on_off, random_bursts


def duration_s(stages: list[Stage]) -> float:
    return sum(seconds for seconds, _start, _end in stages)


def test_bursts_come_and_go_and_the_last_is_cut() -> None:
    stages = on_off(quiet_per_s=10, burst_per_s=100, quiet_s=4, burst_s=1, total_s=9.5)
    assert stages == [(4, 10, 10), (1, 100, 100), (4, 10, 10), (0.5, 100, 100)]


def test_arrivals_are_counted_between_the_rates() -> None:
    assert arrivals([(10, 0, 100), (5, 100, 100)]) == 1000


@given(
    quiet_s=st.floats(0.01, 20),
    burst_s=st.floats(0.01, 20),
    total_s=st.floats(0.01, 60),
    seed=st.integers(0, 99),
)
def test_bursts_last_as_long_as_told(
    quiet_s: float, burst_s: float, total_s: float, seed: int
) -> None:
    regular = on_off(
        quiet_per_s=1, burst_per_s=5, quiet_s=quiet_s, burst_s=burst_s, total_s=total_s
    )
    random = random_bursts(
        quiet_per_s=1,
        burst_per_s=5,
        mean_quiet_s=quiet_s,
        mean_burst_s=burst_s,
        total_s=total_s,
        seed=seed,
    )
    for stages in (regular, random):
        assert duration_s(stages) == pytest.approx(total_s, abs=0.0011)
        assert {rate for _seconds, rate, _same in stages} <= {1, 5}


def test_random_bursts_are_on_as_often_as_meant() -> None:
    stages = random_bursts(
        quiet_per_s=0, burst_per_s=1, mean_quiet_s=3, mean_burst_s=1, total_s=20_000, seed=1
    )
    assert arrivals(stages) / 20_000 == pytest.approx(0.25, rel=0.05)
    lengths = [seconds for seconds, rate, _same in stages if rate]
    assert max(lengths) > 3  # exponential, not constant


def test_equal_seeds_give_equal_bursts() -> None:
    def drawn(seed: int) -> list[Stage]:
        return random_bursts(
            quiet_per_s=1,
            burst_per_s=9,
            mean_quiet_s=5,
            mean_burst_s=2,
            total_s=100,
            seed=seed,
        )

    assert drawn(1) == drawn(1) != drawn(2)


@given(peak=st.floats(1, 2), days=st.integers(1, 3), steps=st.integers(4, 48))
def test_a_day_has_its_mean_its_peak_at_noon_and_no_jumps(
    peak: float, days: int, steps: int
) -> None:
    stages = daily_shape(mean_per_s=100, peak_to_mean=peak, total_s=60, days=days, steps=steps)
    assert duration_s(stages) == pytest.approx(60)
    assert arrivals(stages) == pytest.approx(6000)
    assert min(min(start, end) for _seconds, start, end in stages) >= 0
    assert all(one[2] == two[1] for one, two in itertools.pairwise(stages))
    if steps % 2 == 0:
        assert stages[steps // 2][1] == pytest.approx(100 * peak)


def test_a_day_is_one_of_24_pieces_unless_told_otherwise() -> None:
    stages = daily_shape(mean_per_s=100, peak_to_mean=1.5, total_s=48)
    assert len(stages) == 24
    assert {seconds for seconds, _start, _end in stages} == {2.0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean_per_s": -1},
        {"peak_to_mean": 2.5},
        {"peak_to_mean": 0.5},
        {"steps": 3},
        {"days": 0},
        {"total_s": 0},
    ],
)
def test_an_impossible_day_is_refused(wrong: dict[str, float]) -> None:
    right: dict[str, float] = {"mean_per_s": 10, "peak_to_mean": 1.5, "total_s": 60}
    with pytest.raises(LabError):
        daily_shape(**{**right, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"burst_s": 0}, {"quiet_per_s": -1}, {"total_s": float("inf")}])
def test_impossible_bursts_are_refused(wrong: dict[str, float]) -> None:
    right = {"quiet_per_s": 1, "burst_per_s": 2, "quiet_s": 1, "burst_s": 1, "total_s": 5}
    with pytest.raises(LabError):
        on_off(**{**right, **wrong})
