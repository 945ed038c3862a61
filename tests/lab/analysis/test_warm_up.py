"""Warm-ups found, steady loads left alone, drifts told."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from sureshot_lab.analysis.trend import theil_sen
from sureshot_lab.analysis.warm_up import _truncation, find_warm_up, steady_state, warm_up_of
from sureshot_lab.errors import LabError
from tests.lab.analysis.runs import seconds


def noisy(count: int, seed: int, level: float = 10.0, spread: float = 0.05) -> list[float]:
    rng = random.Random(seed)
    return [level * rng.lognormvariate(0, spread) for _ in range(count)]


@pytest.mark.parametrize("count", [30, 60, 300])
@pytest.mark.parametrize("seed", range(5))
def test_a_slow_beginning_is_dropped_and_not_much_more(count: int, seed: int) -> None:
    series = noisy(count, seed)
    for second in range(6):
        series[second] *= 5 - 0.6 * second
    found = find_warm_up(series)
    assert 5 <= found.drop_s <= 12
    assert found.settled
    assert "the first" in found.reason


def test_a_steady_series_is_kept_whole() -> None:
    dropped_s = [find_warm_up(noisy(40, seed)).drop_s for seed in range(50)]
    assert sum(one == 0 for one in dropped_s) >= 45
    assert max(dropped_s) <= 2


def test_a_series_that_never_settles_is_told() -> None:
    found = find_warm_up([100 * math.exp(-second / 60) for second in range(60)])
    assert not found.settled
    assert found.drop_s == 30


def test_ten_seconds_are_too_few_for_a_warm_up() -> None:
    found = find_warm_up([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 1])
    assert found.drop_s == 0
    assert "too few" in found.reason


def test_steps_have_their_length() -> None:
    series = [50.0] * 10 + noisy(90, 1)
    assert find_warm_up(series, step_s=0.5).drop_s == 5.0


@given(st.lists(st.floats(-1e6, 1e6), max_size=80))
def test_never_more_than_half_is_dropped(series: list[float]) -> None:
    assert 0 <= find_warm_up(series).drop_s <= len(series) / 2


def test_a_run_warms_up_until_latency_and_success_both_have() -> None:
    slow = seconds(40, p95_s=lambda second: 0.2 if second < 4 else 0.01)
    assert warm_up_of(slow).drop_s == 4
    failing = seconds(40, failed=lambda second: 200 if second < 7 else 0)
    assert warm_up_of(failing).drop_s == 7


def test_a_load_that_rises_by_plan_is_no_warm_up() -> None:
    assert warm_up_of(seconds(40, rate=lambda second: 10 + 20 * second)).drop_s == 0
    assert warm_up_of([]).drop_s == 0


def test_a_drift_is_told_and_noise_is_none() -> None:
    rising = [10 + 0.2 * second for second in range(60)]
    found = steady_state(rising)
    assert not found.steady
    assert found.drift == pytest.approx(0.74, abs=0.02)
    steady = [steady_state(noisy(60, seed)).steady for seed in range(50)]
    assert all(steady)


def test_a_series_about_zero_has_no_share_to_drift_by() -> None:
    assert steady_state([0.0] * 30).steady
    assert not steady_state([float(second) for second in range(-15, 16)]).steady


@given(st.lists(st.integers(-1000, 1000), min_size=15, max_size=40))
def test_the_truncation_is_that_of_mser(series: list[int]) -> None:
    def statistic(dropped: int) -> float:
        kept = series[dropped:]
        mean = sum(kept) / len(kept)
        return sum((value - mean) ** 2 for value in kept) / len(kept) ** 2

    found = _truncation([float(value) for value in series])
    half = len(series) // 2
    assert found <= half
    assert statistic(found) == pytest.approx(min(map(statistic, range(half + 1))), abs=1e-6)


@given(st.lists(st.integers(0, 20), min_size=5, max_size=40))
def test_slopes_are_scipys(series: list[int]) -> None:
    ours, theirs = theil_sen(range(len(series)), series), theilslopes(series)
    assert ours.value == pytest.approx(theirs.slope)
    if len(series) >= 10 and len(set(series)) > 2:
        assert ours.low == pytest.approx(theirs.low_slope)
        assert ours.high == pytest.approx(theirs.high_slope)


def test_too_few_values_are_not_called_steady() -> None:
    found = steady_state([1.0] * 5)
    assert not found.steady
    assert "too few" in found.reason


def test_a_slope_ignores_a_quarter_of_wild_values() -> None:
    series = [3.0 * x for x in range(40)]
    series[::4] = [1e6] * 10
    assert theil_sen(range(40), series).value == pytest.approx(3.0, rel=0.5)


def test_slopes_hold_the_truth_as_often_as_they_promise() -> None:
    rng = random.Random(3)
    held = 0
    for _ in range(300):
        held += 2.0 in theil_sen(range(30), [2.0 * x + rng.gauss(0, 5) for x in range(30)])
    assert held / 300 >= 0.92


def test_a_long_series_takes_little_memory() -> None:
    slope = theil_sen(range(50_000), [0.001 * x for x in range(50_000)])
    assert slope.value == pytest.approx(0.001)


def test_what_has_no_slope_is_refused() -> None:
    with pytest.raises(LabError, match="3 points"):
        theil_sen([1, 2], [1, 2])
    with pytest.raises(LabError, match="one place"):
        theil_sen([1, 1, 1], [1, 2, 3])
