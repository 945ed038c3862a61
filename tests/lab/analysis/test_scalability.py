"""Scaling: what is fitted, what is predicted, what is fair."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot_lab.analysis.fairness import coefficient_of_variation, jain_index
from sureshot_lab.analysis.scalability import ScalePoint, fit_usl, held_out, speed_ups
from sureshot_lab.errors import LabError

SCALES = (1, 2, 4, 8, 16, 24, 32)


def law(n: float, contention: float, coherency: float) -> float:
    return 1000 * n / (1 + contention * (n - 1) + coherency * n * (n - 1))


def measured(
    contention: float, coherency: float, seed: int, scales: Sequence[int] = SCALES
) -> list[ScalePoint]:
    rng = random.Random(seed)
    return [
        ScalePoint(n, law(n, contention, coherency) * rng.gauss(1, 0.02))
        for n in scales
        for _ in range(2)
    ]


def test_the_law_is_found_again() -> None:
    found = fit_usl([ScalePoint(n, law(n, 0.06, 0.0008)) for n in SCALES])
    assert found.per_one_s.value == pytest.approx(1000, rel=1e-4)
    assert found.contention.value == pytest.approx(0.06, rel=1e-3)
    assert found.coherency.value == pytest.approx(0.0008, rel=1e-3)
    assert found.peak_n == pytest.approx((0.94 / 0.0008) ** 0.5, rel=1e-3)
    assert found.residual < 1e-4
    assert found.predict(10) == pytest.approx(law(10, 0.06, 0.0008), rel=1e-3)


def test_intervals_hold_the_truth_as_often_as_they_promise() -> None:
    fits = [fit_usl(measured(0.06, 0.0008, seed)) for seed in range(100)]
    assert sum(0.06 in fit.contention for fit in fits) >= 88
    assert sum(0.0008 in fit.coherency for fit in fits) >= 88


def test_scaling_without_a_limit_has_no_peak() -> None:
    found = fit_usl([ScalePoint(n, 1000.0 * n) for n in SCALES])
    assert found.contention.value == pytest.approx(0, abs=1e-3)
    assert found.peak_n is None
    assert "no peak" in found.sentence


def test_a_service_that_gets_slower_has_its_peak_at_the_start() -> None:
    found = fit_usl([ScalePoint(n, law(n, 0.5, 0.3)) for n in SCALES])
    assert found.peak_n == pytest.approx((0.5 / 0.3) ** 0.5, rel=0.01)
    assert "throughput is highest at 1.29" in found.sentence


def test_the_largest_scale_is_predicted_from_the_others() -> None:
    found = held_out(measured(0.06, 0.0008, 3))
    assert found.n == 32
    assert abs(found.error) < 0.10
    assert found.predicted_per_s == pytest.approx(found.measured_per_s * (1 + found.error))


def test_a_law_that_breaks_at_the_largest_scale_is_caught() -> None:
    points = [ScalePoint(n, law(n, 0.02, 0)) for n in SCALES[:-1]]
    found = held_out([*points, ScalePoint(32, law(32, 0.02, 0) / 3)])
    assert found.error > 1


def test_speed_up_is_by_the_smallest_scale() -> None:
    points = [ScalePoint(4, 300), ScalePoint(2, 200), ScalePoint(2, 220), ScalePoint(2, 180)]
    assert [(one.n, one.speed_up, one.efficiency) for one in speed_ups(points)] == [
        (2, 1.0, 1.0),
        (4, 1.5, 0.75),
    ]


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ([ScalePoint(n, 1) for n in (1, 2, 4)], "4 scales"),
        ([ScalePoint(n, 1) for n in (0, 1, 2, 4)], "1 or more"),
        ([ScalePoint(n, n - 1) for n in (1, 2, 3, 4)], "throughput"),
    ],
)
def test_what_cannot_be_fitted_is_refused(points: list[ScalePoint], told: str) -> None:
    with pytest.raises(LabError, match=told):
        fit_usl(points)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(LabError, match="smallest scale"):
        speed_ups([])
    with pytest.raises(LabError, match="smallest scale"):
        speed_ups([ScalePoint(1, 0), ScalePoint(2, 5)])


def test_fairness_of_the_textbook() -> None:
    """One of four has everything: 1/4. Jain's own example of 1 and 3 in a hundred."""
    assert jain_index([1, 0, 0, 0]) == 0.25
    assert jain_index([5, 5, 5]) == 1
    assert jain_index([1, 3]) == pytest.approx(16 / 20)
    assert jain_index([0, 0]) == 1


@given(st.lists(st.floats(0, 1e300), min_size=1, max_size=30))
def test_fairness_lies_between_one_over_n_and_one(shares: list[float]) -> None:
    assert 1 / len(shares) - 1e-9 <= jain_index(shares) <= 1 + 1e-9


def test_variation_is_the_deviation_by_the_mean() -> None:
    assert coefficient_of_variation([2, 4, 4, 4, 5, 5, 7, 9]) == pytest.approx(0.4)
    for wrong in ([], [0.0, 0.0]):
        with pytest.raises(LabError):
            coefficient_of_variation(wrong)
    for shares in ([], [-1.0, 2.0]):
        with pytest.raises(LabError):
            jain_index(shares)
