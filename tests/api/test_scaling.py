"""``GET /api/v1/admin/scaling``, and what its numbers rest on: heartbeats of any process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from sureshot.delivery.backlog import Backlog
from sureshot.delivery.scaling import Scaling, ScalingPlan, scaling_plan
from sureshot.domain.scaling.decision import Rules
from sureshot.ports import Beat, Census, Peer, Store
from sureshot.service import Service
from tests.support.clock import ManualClock
from tests.support.http import admin, call, submit
from tests.support.service import ADMIN_TOKEN, settings

PATH = "/api/v1/admin/scaling"
PLAN = ScalingPlan(
    Rules(least=1, most=9, down_after_s=60.0), 100.0, slots=10, queue_limit=1000, brokered=True
)


# -- over HTTP --------------------------------------------------------------


async def test_every_role_says_how_many_there_are_and_how_many_are_wanted(url: str) -> None:
    answer = await admin(url, "GET", PATH)
    assert answer.status == 200
    (role,) = answer.json["roles"].values()
    assert (role["current"], role["wanted"]) == (1, 1)
    assert all(isinstance(reason, str) and reason for reason in role["reasons"])
    inputs = role["inputs"]
    assert (inputs["min"], inputs["max"]) == (1, 1), "a SQLite file is one process's"
    assert inputs["capacityPerSecond"] == 1000
    assert inputs["capacityLearned"] is False
    assert inputs["cpuShare"] is None, "nobody has told twice yet"


async def test_it_counts_what_comes(service: Service, url: str) -> None:
    for _ in range(20):
        await submit(url, url="http://127.0.0.1:9/")
    await service.heartbeat.beat()
    await asyncio.sleep(0.15)
    service.scaling._seen_s -= 10
    await service.heartbeat.beat()
    role = (await admin(url, "GET", PATH)).json["roles"]["replica"]
    assert role["inputs"]["arrivalsPerSecond"] > 0
    assert role["inputs"]["backlog"] > 0
    assert role["inputs"]["cpuShare"] > 0


async def test_it_is_for_the_administrators_of_the_deployment_alone(url: str) -> None:
    assert (await call(url, "GET", PATH, token=None)).status == 401
    assert (await call(url, "GET", PATH)).status == 403
    await call(url, "POST", "/api/v1/admin/tenants", {"id": "acme"}, token=ADMIN_TOKEN)
    body = {"name": "x", "scopes": ["admin"], "tenant": "acme"}
    made = await call(url, "POST", "/api/v1/admin/tokens", body, token=ADMIN_TOKEN)
    assert (await call(url, "GET", PATH, token=made.json["token"])).status == 403


async def test_it_is_described(url: str) -> None:
    document = (await call(url, "GET", "/openapi.json", token=None)).json
    assert "ScalingView" in str(document["paths"][PATH]["get"])


def test_the_settings_are_the_rules(tmp_path_factory: pytest.TempPathFactory) -> None:
    given = settings(
        tmp_path_factory.mktemp("data"), scaling_min=2, scaling_max=7, scaling_target=0.6,
        scaling_drain_s=3.0, scaling_down_after_s=9.0, scaling_start_rate=50.0,
    )  # fmt: skip
    assert scaling_plan(given).rules.most == 1
    clustered = replace(given, database_url="postgresql://x@127.0.0.1/x", queue_url="amqp://b")
    plan = scaling_plan(clustered)
    assert plan.brokered
    assert plan.start_per_s == 50
    rules = plan.rules
    assert (rules.least, rules.most, rules.target) == (2, 7, 0.6)
    assert (rules.drain_s, rules.down_after_s) == (3, 9)


# -- from heartbeats --------------------------------------------------------


class Deployment:
    """Processes that beat; *owner* to (role, published, taken, in flight, silent)."""

    def __init__(self, plan: ScalingPlan = PLAN) -> None:
        self.clock = ManualClock()
        self.backlog = Backlog(cast(Store, None), self.clock, 1000)
        self.paused = False
        self.cpu_s: dict[str, float] = {}
        self.carry = 0
        self.peers: dict[str, tuple[str, int, int, int, float]] = {}
        self.scaling = Scaling(plan, self.clock, self.backlog, lambda: self.paused)

    def second(self, **changes: tuple[str, int, int, int, float]) -> None:
        """Let a second pass, with these processes changed."""
        self.peers |= changes
        peers = [
            Peer(
                owner, Beat(role, "1", published, taken, held, self.cpu_s.get(owner, 0.0)), silent_s
            )
            for owner, (role, published, taken, held, silent_s) in self.peers.items()
        ]
        self.clock.advance(1.0)
        self.scaling.observe(Census(peers, carry=self.carry))

    def flow(self, seconds: int, per_s: int, taken_per_s: int, in_flight: int = 0) -> None:
        """Let an API process publish and each worker take so many, second by second."""
        for _ in range(seconds):
            _role, published, *_rest = self.peers.get("a", ("api", 0, 0, 0, 0.0))
            changes = {"a": ("api", published + per_s, 0, 0, 0.0)}
            for owner, (role, *_counts, taken, _flying, _silent) in self.peers.items():
                if role == "worker":
                    changes[owner] = ("worker", 0, taken + taken_per_s, in_flight, 0.0)
            self.second(**changes)

    def wanted(self, role: str = "worker") -> int:
        return self.scaling.advice[role].wanted

    def inputs(self, role: str = "worker") -> tuple[float, float]:
        """Return the rate and what waits."""
        asked = self.scaling.advice[role].need
        return asked.per_s, asked.waiting


def cluster(plan: ScalingPlan = PLAN) -> Deployment:
    made = Deployment(plan)
    made.second(a=("api", 0, 0, 0, 0.0), w=("worker", 0, 0, 0, 0.0), s=("scheduler", 0, 0, 0, 0.0))
    return made


def test_api_and_workers_are_advised_apart_and_schedulers_not() -> None:
    assert set(cluster().scaling.advice) == {"api", "worker"}


def test_replicas_that_do_everything_are_advised_as_one_role() -> None:
    made = Deployment(replace(PLAN, brokered=False))
    made.second(x=("all", 0, 0, 0, 0.0), y=("all", 0, 0, 0, 0.0))
    assert set(made.scaling.advice) == {"replica"}
    assert made.scaling.advice["replica"].current == 2


def test_without_any_worker_one_is_wanted_so_that_an_autoscaler_can_begin() -> None:
    made = Deployment()
    made.second(a=("api", 0, 0, 0, 0.0))
    assert (made.scaling.advice["worker"].current, made.wanted()) == (0, 1)


def test_what_comes_and_what_a_worker_does_decide() -> None:
    made = cluster()
    made.flow(60, per_s=200, taken_per_s=40, in_flight=10)
    rate, waiting = made.inputs()
    assert rate == pytest.approx(200)
    assert waiting == pytest.approx(160 * 59, rel=0.1)
    assert made.scaling.advice["worker"].need.capacity_per_s == pytest.approx(40, rel=0.1)
    assert made.wanted() == PLAN.rules.most


def test_a_process_that_was_running_before_is_not_taken_for_a_flood() -> None:
    made = Deployment()
    made.second(a=("api", 5_000_000, 0, 0, 0.0), w=("worker", 0, 5_000_000, 0, 0.0))
    made.flow(3, per_s=10, taken_per_s=10)
    assert made.inputs()[0] == pytest.approx(10)
    made.second(a=("api", 5_000_030, 0, 0, 9.0))
    made.second(a=("api", 5_000_040, 0, 0, 0.0))
    made.second()
    assert made.inputs()[0] < 20, "it was silent for a while"


def test_a_process_that_is_silent_is_not_counted() -> None:
    made = cluster()
    made.second(w2=("worker", 0, 0, 0, 0.0))
    assert made.scaling.advice["worker"].current == 2
    made.second(w2=("worker", 0, 0, 0, 5.0))
    assert made.scaling.advice["worker"].current == 1


def test_webhooks_that_wait_for_a_closed_lane_or_a_retry_want_no_workers() -> None:
    made = cluster()
    made.flow(120, per_s=20, taken_per_s=20)
    before = made.wanted()
    for free in range(0, 500_000, 5_000):
        made.backlog.free = made.backlog.count = free
        made.backlog.oldest_due_at = datetime(1970, 1, 1, tzinfo=UTC)
        made.flow(1, per_s=20, taken_per_s=20)
    assert made.wanted() == before == 1


def test_at_a_trickle_heartbeats_that_miss_each_other_are_no_queue() -> None:
    made = cluster()
    for second in range(1, 200):
        # The API has told of this second, the worker only of the one before.
        made.second(a=("api", 5 * second, 0, 0, 0.0), w=("worker", 0, 5 * (second - 1), 0, 0.0))
    assert made.inputs() == (5, 0)
    assert made.scaling.advice["worker"].need.capacity_per_s == 100
    assert made.wanted() == 1


def test_retries_are_no_work_of_the_api() -> None:
    made = cluster()
    for second in range(1, 30):
        made.second(s=("scheduler", 500 * second, 0, 0, 0.0), w=("worker", 0, 500 * second, 0, 0.0))
    assert made.inputs("worker")[0] == pytest.approx(500)
    assert made.inputs("api")[0] == 0


def test_a_mistake_in_the_advice_does_not_silence_the_heartbeat(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_census: Census) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(service.scaling, "observe", broken)
    service.heartbeat.on_census(Census([]))


def test_what_a_full_queue_turns_away_counts_as_come_and_as_waiting() -> None:
    made = cluster()
    made.flow(20, per_s=50, taken_per_s=50)
    made.carry = 900  # of 1,000
    for second in range(1, 11):
        made.backlog.free = 300 * second
        made.flow(1, per_s=50, taken_per_s=50)
    rate, waiting = made.inputs()
    assert rate == pytest.approx(350, rel=0.1)
    assert waiting > 2500
    assert made.wanted() == PLAN.rules.most


def test_in_a_pause_the_number_stays() -> None:
    made = cluster()
    made.second(w2=("worker", 0, 0, 0, 0.0), w3=("worker", 0, 0, 0, 0.0))
    made.paused = True
    made.flow(120, per_s=500, taken_per_s=0)
    assert made.wanted() == 3
    assert "paused" in made.scaling.advice["worker"].reasons[0]


def test_a_busy_api_process_wants_another_one() -> None:
    made = cluster()
    for second in range(1, 90):
        made.cpu_s["a"] = 0.97 * second
        made.flow(1, per_s=10, taken_per_s=10)
    assert made.wanted("api") == 2
    assert "CPU" in made.scaling.advice["api"].reasons[0]
    assert made.scaling.advice["worker"].need.cpu is None, "CPU counts for its capacity"
    made.second(b=("api", 0, 0, 0, 0.0))
    for second in range(1, 90):
        made.cpu_s |= {"a": 87 + 0.97 * second, "b": 0.01 * second}
        made.flow(1, per_s=10, taken_per_s=10)
    assert made.scaling.advice["api"].cpu == pytest.approx(0.49, abs=0.02), "of both"


def test_a_worker_that_uses_its_core_up_is_busy_though_thousands_of_slots_are_free() -> None:
    made = cluster(replace(PLAN, slots=10_000))
    for second in range(1, 61):
        made.cpu_s["w"] = 0.8 * second
        made.flow(1, per_s=160, taken_per_s=160, in_flight=50)
    advice = made.scaling.advice["worker"]
    assert advice.need.capacity_per_s == pytest.approx(200, rel=0.05)
    assert advice.cpu == pytest.approx(0.8, rel=0.05)
    assert advice.exactly == pytest.approx(160 / 200 / 0.85, rel=0.05)
    made.flow(5, per_s=190, taken_per_s=190, in_flight=60)
    assert made.wanted() == 2


def test_the_core_a_process_uses_to_start_says_nothing_of_what_work_takes() -> None:
    made = cluster(replace(PLAN, slots=10_000))
    for second in range(1, 61):
        made.cpu_s["w"] = 0.5 * second
        made.flow(1, per_s=100, taken_per_s=100, in_flight=30)
    before = made.scaling.advice["worker"].need.capacity_per_s
    made.cpu_s |= {"w": 30.5, "w2": 2.0}
    made.second(w2=("starting", 0, 0, 0, 0.0), w=("worker", 0, 6100, 30, 0.0))
    made.cpu_s |= {"w": 31.0, "w2": 3.0}
    made.second(w2=("worker", 0, 0, 0, 0.0), w=("worker", 0, 6200, 30, 0.0))
    after = made.scaling.advice["worker"]
    assert after.current == 2
    assert after.need.capacity_per_s == pytest.approx(before, rel=0.01)


def test_two_heartbeats_in_one_second_change_nothing() -> None:
    made = cluster()
    made.flow(10, per_s=100, taken_per_s=100)
    before = made.inputs()
    made.clock.advance(-0.75)
    made.flow(1, per_s=100_000, taken_per_s=100)
    assert made.inputs() == before
