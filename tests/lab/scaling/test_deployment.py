"""The simulation: what it keeps, and that its figures are those one counts by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.config import Settings
from sureshot_lab.scaling.deployment import Deployment, Site

SITE = Site(capacity_per_s=10, starts_s=3, drains_s=2, least=1, most=5)


def test_what_cannot_be_taken_waits_and_is_late() -> None:
    deployment = Deployment(SITE, 1)
    first = deployment.step(25)
    assert (first.done, first.depth, first.oldest_s) == (10, 15, 1)
    deployment.step(0)
    third = deployment.step(0)
    assert (third.done, third.depth, third.oldest_s) == (5, 0, 0)
    assert deployment.late_s == 15 + 5
    assert deployment.late == 15


def test_a_new_replica_serves_after_its_start_and_costs_from_the_first_second() -> None:
    deployment = Deployment(SITE, 1)
    deployment.step(0)
    deployment.scale(3)
    ready = [deployment.step(0).ready for _ in range(4)]
    assert ready == [1, 1, 1, 3]
    assert deployment.replica_s == 1 + 4 * 3


def test_a_removed_one_costs_while_it_drains_and_a_starting_one_goes_first() -> None:
    deployment = Deployment(SITE, 2)
    deployment.scale(3)
    deployment.step(0)
    deployment.scale(2)
    assert deployment.ready() == 2
    deployment.scale(1)
    costs = []
    for _ in range(3):
        before = deployment.replica_s
        deployment.step(0)
        costs.append(deployment.replica_s - before)
    assert costs == [2, 2, 1]


def test_utilisation_is_the_share_of_capacity_taken() -> None:
    deployment = Deployment(SITE, 2)
    assert deployment.step(5).used == pytest.approx(0.25)
    assert deployment.step(100).used == 1.0


def test_what_waits_lies_in_slots_and_only_then_in_the_queue() -> None:
    deployment = Deployment(Site(capacity_per_s=100, slots=150, delivery_s=0.3), 2)
    calm = deployment.step(100)
    assert (calm.used, calm.queued) == (0.5, 0)
    assert calm.in_flight == pytest.approx(15)
    full = deployment.step(400)
    # Of each one's 150 slots 30 hold what is on its way; 100 more wait in them.
    assert (full.used, full.depth, full.queued) == (1.0, 200, 0)
    assert full.in_flight == pytest.approx(130)
    over = deployment.step(400)
    assert (over.depth, over.in_flight) == (400, 150)
    assert over.queued == pytest.approx(160)


def test_a_replica_has_the_slots_of_the_default_settings() -> None:
    assert Site().slots == Settings().max_in_flight
    # So steady work takes a hundredth of them, however much of its core it takes.
    assert Site().capacity_per_s * Site().delivery_s < 0.01 * Site().slots


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 5)), min_size=1, max_size=80),
)
def test_nothing_is_lost_and_the_oldest_go_first(steps: list[tuple[int, int]]) -> None:
    deployment = Deployment(SITE, 1)
    arrived = done = 0.0
    for count, wanted in steps:
        seen = deployment.step(count)
        arrived, done = arrived + count, done + seen.done
        assert seen.depth == pytest.approx(arrived - done)
        assert seen.done <= seen.ready * SITE.capacity_per_s
        waiting = sum(one for _came_s, one in deployment._queue)
        assert waiting == pytest.approx(seen.depth)
        assert [came_s for came_s, _one in deployment._queue] == sorted(
            came_s for came_s, _one in deployment._queue
        )
        deployment.scale(wanted)
