"""Commits by the rate: what was measured stands, between it lies between, beyond it is flat."""

from __future__ import annotations

import pytest

from sureshot_lab.capacity.basis import fit_basis
from sureshot_lab.capacity.curve import Curve, curve_of
from sureshot_lab.capacity.demand import Demand
from sureshot_lab.capacity.plan import plan_capacity
from sureshot_lab.capacity.prediction import check_prediction
from sureshot_lab.capacity.replicas import Replicas
from sureshot_lab.capacity.storage import storage
from tests.lab.capacity.observations import observation

HALVING = Curve(((100.0, 2.0), (200.0, 1.0), (800.0, 0.25)))


@pytest.mark.parametrize(
    ("rate_per_s", "figure"),
    [(100, 2), (150, 4 / 3), (200, 1), (400, 0.5), (800, 0.25), (10, 2), (5000, 0.25)],
)
def test_a_figure_is_as_measured_and_between_by_powers_of_the_rate(
    rate_per_s: float, figure: float
) -> None:
    assert HALVING.at(rate_per_s) == pytest.approx(figure)


def test_rates_that_are_one_have_one_figure_and_what_is_nothing_is_left_out() -> None:
    curve = curve_of([(300, 1), (100, 2.0), (102, 2.4), (104, 2.2), (200, 0.0)], 0.05)
    assert curve.points == ((102, 2.2), (300, 1))


def test_a_plan_writes_as_each_replica_does_at_its_part_of_the_rate() -> None:
    basis = fit_basis([observation(rate, commits=200 / rate) for rate in (100.0, 300.0, 1000.0)])
    demand = Demand(rate_per_s=1000.0, p95_s=0.5, payload_bytes=2000.0, receiver_s=0.3)
    plan = plan_capacity(demand, basis)
    most = max(plan.need("API replicas"), plan.need("worker replicas"))
    assert most > 1
    # Each at its part commits 200 times a second, as at every rate of these.
    assert plan.need("commits") == pytest.approx(200 * most)


def test_without_commits_a_plan_tells_none() -> None:
    basis = fit_basis([observation(rate, commits=None) for rate in (100.0, 300.0)])
    demand = Demand(rate_per_s=200.0, p95_s=0.5, payload_bytes=2000.0, receiver_s=0.3)
    assert "commits" not in {one.what for one in plan_capacity(demand, basis).needs}


@pytest.mark.parametrize(
    ("rate_per_s", "words"),
    [
        (20.0, "at least: the lowest measured is 100/s"),
        (300.0, "as measured"),
        (5000.0, "at most: the highest measured is 300/s"),
    ],
)
def test_a_plan_says_where_commits_were_not_measured(rate_per_s: float, words: str) -> None:
    basis = fit_basis([observation(100.0, commits=2.0), observation(300.0, commits=1.0)])
    replicas = Replicas(api=1, workers=1, together=False)
    demand = Demand(rate_per_s=rate_per_s, p95_s=0.5, payload_bytes=2000.0, receiver_s=0.3)
    (commits,) = [one for one in storage(demand, basis, replicas) if one.what == "commits"]
    assert commits.how.endswith(words)


@pytest.mark.parametrize(
    ("rate", "payload_bytes", "gated"),
    [(200.0, 1000.0, True), (200.0, 32_000.0, False), (50.0, 1000.0, False),
     (600.0, 1000.0, False)],
)  # fmt: skip
def test_a_check_gates_commits_only_where_they_are_known(
    rate: float, payload_bytes: float, gated: bool
) -> None:
    held_out = observation(rate, run="held", payload_bytes=payload_bytes)
    found = check_prediction([observation(100.0), observation(300.0)], held_out)
    (commits,) = [one for one in found if one.what == "commits"]
    assert commits.gated is gated
