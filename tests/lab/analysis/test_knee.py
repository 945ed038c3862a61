"""The curve of a rising load: its knee, and what is left beyond capacity."""

from __future__ import annotations

import pytest

from sureshot_lab.analysis.knee import Knee, LoadPoint, goodput_kept, knee
from sureshot_lab.errors import LabError

STEPS = range(100, 1600, 100)


def queueing(capacity_per_s: float, keeps: float = 1.0) -> list[LoadPoint]:
    """Return a service that answers in 5 ms until it is full, then in seconds."""
    points = []
    for offered in STEPS:
        if offered < capacity_per_s:
            p95_s = 0.005 / (1 - offered / capacity_per_s) ** 0.5
            goodput = float(offered)
        else:
            p95_s = 1 + 10 * (offered / capacity_per_s - 1)
            goodput = capacity_per_s * keeps
        points.append(LoadPoint(offered, p95_s, goodput))
    return points


def test_the_knee_is_the_last_step_before_latency_turns_up() -> None:
    found = knee(queueing(1050))
    assert found is not None
    assert found.offered_per_s == 1000
    assert found.p95_s < 0.05
    assert found.sharpness > 0.5


def test_sharpness_is_the_distance_from_the_chord() -> None:
    points = [LoadPoint(n, p95_s, n) for n, p95_s in ((1, 1), (2, 1), (3, 1), (5, 5))]
    assert knee(points) == Knee(3, 1, 0.5)


def test_the_order_of_the_steps_does_not_matter() -> None:
    assert knee(queueing(1050)[::-1]) == knee(queueing(1050))


def test_a_service_that_is_never_full_has_no_knee() -> None:
    flat = [LoadPoint(n, 0.005 + n / 1e6, n) for n in STEPS]
    assert knee(flat) is None
    straight = [LoadPoint(n, n / 1000, n) for n in STEPS]
    assert knee(straight) is None


def test_a_rise_by_half_is_no_knee() -> None:
    rising = [LoadPoint(n, 0.010 + 0.005 * (n > 1000), n) for n in STEPS]
    assert knee(rising) is None


def test_where_the_steps_begin_does_not_move_the_knee() -> None:
    late = [point for point in queueing(1050) if point.offered_per_s >= 700]
    found = knee(late)
    assert found is not None
    assert found.offered_per_s == 1000


def test_three_steps_have_no_knee() -> None:
    with pytest.raises(LabError, match="4 loads"):
        knee(queueing(1050)[:3])


def test_a_service_that_keeps_its_goodput_keeps_all_of_it() -> None:
    assert goodput_kept(queueing(500)) == 1


def test_a_service_that_collapses_does_not() -> None:
    # 400 a second at best, and 0.4 of 500 beyond that.
    assert goodput_kept(queueing(500, keeps=0.4)) == pytest.approx(0.5)


def stages(*goodput: tuple[float, float]) -> list[LoadPoint]:
    return [LoadPoint(offered, 0.01, delivered) for offered, delivered in goodput]


def test_goodput_beyond_capacity_is_told_of_the_best() -> None:
    collapsing = stages((1000, 1000), (4000, 3859), (8000, 2500), (12_000, 1574), (1000, 1000))
    assert goodput_kept(collapsing) == pytest.approx(0.408, abs=0.001)
    holding = stages((1000, 1000), (4000, 3859), (8000, 3800), (12_000, 3781), (1000, 1000))
    assert goodput_kept(holding) == pytest.approx(0.980, abs=0.001)


def test_a_low_rate_that_was_not_quite_followed_is_no_overload() -> None:
    assert goodput_kept(stages((1000, 850), (4000, 3859), (12_000, 3859))) == 1


def test_what_is_best_under_overload_is_what_the_rest_is_held_against() -> None:
    assert goodput_kept(stages((4000, 3900), (8000, 5730), (12_000, 2865))) == 0.5


def test_a_load_the_service_follows_says_nothing_about_overload() -> None:
    assert goodput_kept(stages((1000, 1000), (4000, 3980), (8000, 7900))) is None
    assert goodput_kept(stages((1000, 0), (4000, 0))) is None
    assert goodput_kept([]) is None
