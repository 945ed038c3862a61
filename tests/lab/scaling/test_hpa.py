"""The HPA's formula: by hand, by the cases its own controller is tested with, and by properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.domain.scaling.behaviour import Behaviour, Direction
from sureshot_lab.scaling.hpa import (
    Controller,
    NoMetrics,
    Pod,
    desired_by_average,
    desired_by_utilisation,
)


def pods(*usages: int | None, unready: int = 0) -> list[Pod]:
    """Return pods of a core each; the first *unready* of them are not ready."""
    return [Pod(usage, ready=number >= unready) for number, usage in enumerate(usages)]


@pytest.mark.parametrize(
    ("usages", "target", "wanted"),
    [
        ((200, 200), 10, 4),  # 200m where 100m is wanted: twice as many
        ((50, 50), 10, 1),  # 50m: half
        ((900,) * 50, 75, 60),  # the announcement of configurable tolerance
        ((1100, 1100), 100, 2),  # 10 % off is tolerated
        ((1120, 1120), 100, 3),
        ((900, 900), 100, 2),
        ((880,) * 9, 100, 8),
    ],
)
def test_desired_is_current_times_metric_by_target(
    usages: tuple[int, ...], target: int, wanted: int
) -> None:
    assert desired_by_utilisation(pods(*usages), len(usages), target) == wanted


@pytest.mark.parametrize(
    ("seen", "current", "target", "wanted"),
    [
        (pods(300, 500, 700), 3, 30, 5),
        (pods(300, 500, 700, unready=1), 3, 30, 4),
        (pods(100, 300, 500, 250, 250), 5, 50, 3),
        (pods(1000, None), 2, 100, 2),
        (pods(1900, None), 2, 100, 2),
        (pods(600, None), 2, 100, 2),
        (pods(100, 450, None, unready=1), 3, 50, 3),
        (pods(100, 2000, None, unready=1), 3, 50, 4),
        (pods(100, 100, 100, None), 4, 50, 3),
        (pods(100, 100, 100, None, unready=1), 4, 50, 3),
    ],
    ids=[
        "up", "up, unready: less", "down", "missing, equal", "missing, above: none",
        "missing, below: none", "unready and missing: none", "unready and missing: up",
        "missing: down less", "unready and missing: down",
    ],
)  # fmt: skip
def test_unready_and_missing_pods_make_it_careful(
    seen: list[Pod], current: int, target: int, wanted: int
) -> None:
    assert desired_by_utilisation(seen, current, target) == wanted


def test_without_any_usage_nothing_is_decided() -> None:
    for seen in (pods(None, None), pods(500, 500, unready=2), []):
        with pytest.raises(NoMetrics):
            desired_by_utilisation(seen, 2, 50)


def test_an_external_metric_counts_the_total() -> None:
    assert desired_by_average(total=2000, current=3, average=250) == 8
    assert desired_by_average(total=770, current=3, average=250) == 3
    assert desired_by_average(total=0, current=3, average=250) == 0


usages = st.lists(st.one_of(st.none(), st.integers(0, 3000)), min_size=1, max_size=40)


@given(usages, st.integers(0, 5), st.integers(1, 100))
def test_what_is_not_known_never_turns_the_direction_nor_makes_it_bolder(
    values: list[int | None], unready: int, target: int
) -> None:
    current = len(values)
    seen = pods(*values, unready=unready)
    known = [pod for pod in seen if pod.ready and pod.usage is not None]
    if not known:
        return
    careful = desired_by_utilisation(seen, current, target)
    sure = sum(pod.usage or 0 for pod in known) * 100 // (1000 * len(known)) / target
    if sure > 1:
        assert current <= careful <= max(current, math.ceil(sure * current))
    if sure < 1:
        assert careful <= current


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=40), st.integers(1, 100))
def test_all_known_it_is_the_formula(values: list[int], target: int) -> None:
    ratio = sum(values) * 100 // (1000 * len(values)) / target
    near = 0.9 <= ratio <= 1.1
    expected = len(values) if near else math.ceil(ratio * len(values))
    assert desired_by_utilisation(pods(*values), len(values), target) == expected


def test_the_controller_keeps_its_bounds_and_steadies() -> None:
    controller = Controller(2, 8)
    assert controller.scale(0, 2, 100) == 6  # four at a time
    assert controller.scale(15, 6, 100) == 8
    assert controller.scale(30, 8, 1) == 8
    assert controller.scale(300, 8, 1) == 8
    assert controller.scale(330, 8, 1) == 2  # five minutes after the last higher wish
    assert controller.scale(345, 2, None) == 2


def test_a_number_outside_the_bounds_is_brought_inside_at_once() -> None:
    assert Controller(2, 8).scale(0, 30, 30) == 8
    assert Controller(2, 8).scale(0, 1, None) == 2


def test_behaviour_is_obeyed() -> None:
    controller = Controller(1, 10, Behaviour(down=Direction(0.0)))
    assert controller.scale(0, 10, 1) == 1
