"""The whole advisor, in a closed loop with the role it advises."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.domain.scaling.advisor import Advice, Advisor, Observation
from sureshot.domain.scaling.decision import Rules
from sureshot.domain.scaling.work import Work

RULES = Rules(least=1, most=20, target=0.8, drain_s=10.0)


class Role:
    """A role in a closed loop: replicas as advised, some seconds later, with a real queue.

    A replica's core does *core_per_s*; its slots are those of the default settings, so what
    waits lies in them and the queue is empty. *bound* is what keeps it from doing as much.
    """

    def __init__(
        self, core_per_s: float, rules: Rules = RULES, replicas: int = 1, slots: int = 10_000,
        takes_s: float = 0.3,
    ) -> None:  # fmt: skip
        self.advisor = Advisor(rules, 1000.0, lead_s=10, slots=slots)
        self.core_per_s = core_per_s
        self.bound = math.inf
        self.replicas = replicas
        self.slots = slots
        self.takes_s = takes_s
        self.waiting = 0.0
        self.at_s = 0.0
        self.starting: list[tuple[float, int]] = []
        self.advice: Advice | None = None

    def second(self, arrived: float, **more: bool) -> Advice:
        self.at_s += 1.0
        ready = [count for at_s, count in self.starting if at_s <= self.at_s]
        self.replicas = ready[-1] if ready else self.replicas
        self.waiting += arrived
        done = min(self.waiting, self.replicas * min(self.core_per_s, self.bound))
        self.waiting -= done
        each = done / self.replicas
        lying = min(self.waiting / self.replicas, self.slots - each * self.takes_s)
        work = Work(1.0, each, each * self.takes_s + lying, each / self.core_per_s)
        queued = self.waiting - lying * self.replicas
        self.advice = self.advisor.observe(
            Observation(self.at_s, 1.0, self.replicas, arrived, (work,) * self.replicas, queued,
                        **more)
        )  # fmt: skip
        self.starting.append((self.at_s + 5.0, self.advice.wanted))
        return self.advice

    def run(self, seconds: int, arrived: float) -> list[int]:
        return [self.second(arrived).wanted for _ in range(seconds)]


def test_a_step_is_answered_in_two_seconds_once_capacity_is_known() -> None:
    role = Role(100.0)
    role.run(60, 70)
    wanted = role.run(3, 800)
    assert wanted[1] >= 10
    role.run(60, 800)
    assert role.waiting == 0


def test_a_steady_noisy_load_is_left_alone() -> None:
    role, rng = Role(100.0, replicas=5), random.Random(1)
    role.run(60, 380)
    numbers = {role.second(rng.gauss(380, 20)).wanted for _ in range(900)}
    assert numbers == {5}


@pytest.mark.slow
def test_a_steady_load_stays_with_its_replicas_for_hours_whatever_the_start_value() -> None:
    rng = random.Random(2)
    for per_s, fewest in ((600.0, 4), (130.0, 1), (250.0, 2)):
        role = Role(200.0, replicas=5)
        role.run(900, per_s)
        numbers = {role.second(rng.gauss(per_s, per_s**0.5)).wanted for _ in range(7200)}
        assert numbers == {fewest}, per_s
        assert role.waiting == 0


def test_what_a_worker_took_and_cannot_get_at_is_worked_off_by_more() -> None:
    role = Role(100.0)
    role.run(120, 80)
    role.run(4, 400)
    assert role.advice is not None
    assert role.advice.need.waiting > 500
    assert "webhooks wait" in role.advice.reasons[0]
    assert role.advice.wanted > 5, "what 400 a second alone would take"
    role.run(40, 400)
    assert role.waiting == 0


def test_work_that_waits_for_one_whose_heartbeat_is_late_waits_no_less() -> None:
    advisor = Advisor(RULES, 1000.0)
    told = (Work(1.0, 100.0, 30.0, 1.0),)
    for at_s in range(60):
        advice = advisor.observe(Observation(float(at_s), 1.0, 1, 100.0, told, 2000.0))
    assert advice.need.wait_s == pytest.approx(20, rel=0.05)
    late = advisor.observe(Observation(60.0, 1.0, 1, 100.0, (), 2000.0))
    assert late.need.wait_s == pytest.approx(20, rel=0.1)


def test_who_has_just_begun_to_watch_takes_away_none_that_others_have_added() -> None:
    fresh = Advisor(Rules(least=1, most=20, down_after_s=300.0), 1000.0)

    def advice(at_s: int, replicas: int) -> Advice:
        work = (Work(1.0, 10.0, 3.0, 0.05),) * replicas
        return fresh.observe(Observation(float(at_s), 1.0, replicas, 10.0, work))

    def wanted(at_s: int, replicas: int) -> int:
        return advice(at_s, replicas).wanted

    assert [wanted(at_s, 2) for at_s in range(10)][-1] == 2
    assert {wanted(at_s, 8) for at_s in range(10, 299)} == {8}, "another one knew of more"
    assert "watched for 300 s" in advice(299, 8).reasons[-1]
    assert {wanted(at_s, 8) for at_s in range(300, 320)} == {1}


def test_what_was_added_for_a_spike_goes_in_two_steps() -> None:
    role = Role(100.0)
    role.run(320, 70)
    peak = max(role.run(20, 800))
    calm = role.run(400, 70)
    assert peak > calm[120] >= 10
    assert calm[-1] == 1
    assert not any(a < b for a, b in pairwise(calm[60:]))


def test_a_replica_is_never_worth_less_than_it_was_seen_to_do() -> None:
    role = Role(100.0)
    role.run(120, 95)
    assert role.advice is not None
    assert role.advice.need.capacity_per_s == pytest.approx(100, rel=0.1)
    assert role.advice.capacity_learned


def test_while_sending_is_paused_all_stays_as_it_is() -> None:
    role = Role(100.0, replicas=3)
    role.run(60, 200)
    role.bound = 1e-9
    for _ in range(600):
        advice = role.second(200, held=True)
    assert advice.wanted == 3
    assert advice.reasons[0].startswith("sending is paused")


def test_receivers_that_are_the_limit_are_not_met_with_more_and_more_replicas() -> None:
    role = Role(100.0, slots=10, takes_s=0.05)
    role.run(30, 70)
    for _ in range(400):
        role.bound = 100.0 / role.replicas  # together they never do more than one
        advice = role.second(300)
    assert advice.wanted == 1
    assert "something else is the limit" in "; ".join(advice.reasons)


@given(st.lists(st.floats(0, 5000), min_size=5, max_size=60), st.integers(1, 5), st.integers(5, 30))
def test_whatever_comes_the_advice_keeps_the_bounds(
    arrivals: list[float], least: int, most: int
) -> None:
    role = Role(50.0, Rules(least=least, most=most), replicas=least)
    for arrived in arrivals:
        advice = role.second(arrived)
        assert least <= advice.wanted <= most
        assert math.isfinite(advice.exactly)
