"""Changes in a history of figures."""

from __future__ import annotations

import random

import pytest

from sureshot_lab.analysis.change_points import change_points


def history(seed: int, levels: dict[int, float], count: int = 40) -> list[float]:
    """Return *count* values with 3 % noise; from each index on they are times its level."""
    rng = random.Random(seed)
    level, values = 1.0, []
    for number in range(count):
        level = levels.get(number, level)
        values.append(100 * level * rng.lognormvariate(0, 0.03))
    return values


def test_a_history_without_a_change_has_none() -> None:
    alarms = sum(bool(change_points(history(seed, {}))) for seed in range(60))
    assert alarms <= 2


def test_a_tenth_more_is_found_where_it_began() -> None:
    right = 0
    for seed in range(30):
        found = change_points(history(seed, {25: 1.1}))
        right += len(found) == 1 and abs(found[0].index - 25) <= 2
    assert right >= 26


def test_it_is_told_with_its_size() -> None:
    [found] = change_points(history(1, {20: 1.2}))
    assert found.index == 20
    assert found.before == pytest.approx(100, rel=0.03)
    assert found.after == pytest.approx(120, rel=0.03)
    assert found.change == pytest.approx(0.2, abs=0.04)
    assert found.p <= 0.01


def test_several_changes_are_told_in_order() -> None:
    right = 0
    for seed in range(20):
        found = change_points(history(seed, {15: 1.3, 28: 1.0}))
        right += [point.index for point in found] == [15, 28]
    assert right >= 18
    found = change_points(history(2, {15: 1.3, 28: 1.0}))
    assert found[0].change > 0 > found[1].change


def test_a_recent_change_is_found_from_the_sixth_value_on() -> None:
    found = [change_points(history(seed, {34: 1.2})) for seed in range(30)]
    assert sum(any(point.index == 34 for point in points) for points in found) >= 27


def test_one_outlier_is_no_change() -> None:
    for seed in range(20):
        values = history(seed, {})
        values[20] *= 5
        assert len(change_points(values)) <= 1
    assert change_points([100.0] * 20 + [500.0] + [100.0] * 19) == []


def test_a_change_too_small_to_matter_is_left_out() -> None:
    values = [100.0] * 20 + [101.0] * 20
    assert change_points(values) == []
    assert len(change_points(values, least=0.005)) == 1


def test_a_short_or_constant_history_has_no_change() -> None:
    assert change_points([]) == []
    assert change_points([1.0, 1, 1, 9, 9, 9]) == []
    assert change_points([5.0] * 40) == []


def test_equal_seeds_give_equal_answers() -> None:
    values = history(3, {20: 1.08})
    assert change_points(values, seed=7) == change_points(values, seed=7)
