"""Advice in a closed loop: workers that take what they have slots for, and beat when they can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import cast

import pytest

from sureshot.config import Settings
from sureshot.delivery.backlog import Backlog
from sureshot.delivery.scaling import Scaling, scaling_plan
from sureshot.ports import Beat, Census, Peer, Store
from tests.support.clock import NOON, ManualClock

SETTINGS = Settings(database_url="postgresql://x@127.0.0.1/x", queue_url="amqp://b", scaling_max=9)
SLOTS = SETTINGS.max_in_flight
TAKES_S = 0.3


@dataclass
class Worker:
    """Its core does *core_per_s*; what it has taken waits in its slots until then."""

    owner: str
    core_per_s: float
    ready_s: int = 0
    tells_cpu: bool = True
    taken: float = 0.0
    waiting: float = 0.0
    delivered: float = 0.0
    cpu_s: float = 0.5
    beat: Beat = Beat("worker", "1", 0, 0, 0)  # noqa: RUF009 - a frozen value
    beat_s: int = 0

    def second(self, share: float) -> None:
        """Take *share* and deliver for a second."""
        self.taken += share
        self.waiting += share
        done = min(self.waiting, self.core_per_s)
        self.waiting -= done
        self.delivered = done
        self.cpu_s += done / self.core_per_s

    def tell(self, now_s: int) -> None:
        """Beat as things stand."""
        under_way = min(SLOTS - self.waiting, self.delivered * TAKES_S)
        cpu_s = self.cpu_s if self.tells_cpu else 0.0
        counts = (round(self.taken), round(self.waiting + under_way), cpu_s)
        self.beat = Beat("worker", "1", 0, *counts)
        self.beat_s = now_s


class Line:
    """An API process that publishes, a queue, workers, and one or more who advise."""

    def __init__(self, workers: int, core_per_s: float, *, tells_cpu: bool = True) -> None:
        self.clock = ManualClock()
        self.now_s = 0
        self.published = self.queued = self.left = 0.0
        self.core_per_s = core_per_s
        self.tells_cpu = tells_cpu
        self.workers: list[Worker] = []
        self.late_beats: Callable[[int], bool] = lambda _now_s: False
        self.scaling = self.advisor()
        self._made = 0
        self.scale(workers, starts_s=0)

    def advisor(self) -> Scaling:
        backlog = Backlog(cast(Store, None), self.clock, 10**6)
        return Scaling(scaling_plan(SETTINGS), self.clock, backlog, lambda: False)

    def scale(self, wanted: int, starts_s: int = 15) -> None:
        while len(self.workers) < wanted:
            owner, ready_s = f"w{self._made}", self.now_s + starts_s
            self.workers.append(Worker(owner, self.core_per_s, ready_s, self.tells_cpu))
            self._made += 1
        while len(self.workers) > wanted:
            gone = self.workers.pop()
            # What it had is leased and published anew.
            self.left += gone.taken
            self.queued += gone.waiting
            self.published += gone.waiting

    def second(self, arrived: float) -> Census:
        self.clock.advance(1.0)
        self.now_s += 1
        self.published += arrived
        self.queued += arrived
        ready = [one for one in self.workers if one.ready_s <= self.now_s]
        for worker in ready:
            share = min(self.queued / len(ready), SLOTS - worker.waiting)
            worker.second(share)
        self.queued = self.published - self.left - sum(one.taken for one in self.workers)
        for worker in ready:
            if not self.late_beats(self.now_s):
                worker.tell(self.now_s)
        peers = [Peer("a", Beat("api", "1", round(self.published), 0, 0), 0.0)]
        peers += [Peer(one.owner, one.beat, self.now_s - one.beat_s) for one in ready]
        now = NOON + timedelta(seconds=self.now_s)
        census = Census(peers, now, carry=-round(self.left))
        self.scaling.observe(census)
        return census

    def run(self, seconds: int, arrived: float, *, acts: bool = True) -> list[int]:
        """Return what was wanted, second by second; an autoscaler follows every fifteen."""
        wanted = []
        for _ in range(seconds):
            self.second(arrived)
            wanted.append(self.scaling.advice["worker"].wanted)
            if acts and self.now_s % 15 == 0:
                self.scale(wanted[-1])
        return wanted

    @property
    def undelivered(self) -> float:
        return self.queued + sum(one.waiting for one in self.workers)

    def learned(self) -> float:
        return self.scaling.advice["worker"].need.capacity_per_s


def test_a_worker_that_beats_late_is_known_for_what_it_does() -> None:
    line = Line(1, 165.0)
    # After one second, two, three and four in turn.
    line.late_beats = lambda now_s: now_s % 10 not in {1, 3, 6, 0}
    line.run(120, 400, acts=False)
    assert line.learned() == pytest.approx(165, rel=0.05)


def test_what_only_fills_slots_is_not_taken_for_delivered() -> None:
    line = Line(1, 165.0)
    line.run(30, 100, acts=False)
    wanted = line.run(60, 300, acts=False)
    assert line.queued == 0, "it has slots for all of it"
    assert line.learned() == pytest.approx(165, rel=0.05)
    assert wanted[-1] >= 3


@pytest.mark.parametrize(("core_per_s", "needed"), [(300.0, 4), (600.0, 2), (200.0, 6)])
def test_a_load_that_begins_at_full_rate_is_met_and_then_left_alone(
    core_per_s: float, needed: int
) -> None:
    line = Line(1, core_per_s)
    line.run(900, 900)
    assert line.undelivered < 1
    assert len(line.workers) == needed
    assert set(line.run(7200, 900)) == {needed}


def test_after_a_jump_what_lies_in_slots_is_worked_off_soon() -> None:
    line = Line(1, 400.0)
    line.run(320, 300)
    line.run(150, 2400)
    assert line.undelivered < 1
    calm = line.run(1200, 300)
    assert calm[-1] == 1
    assert not any(a < b for a, b in pairwise(calm[60:]))


def test_one_that_begins_to_advise_takes_none_away_that_another_has_added() -> None:
    line = Line(1, 300.0)
    line.run(600, 250)
    fresh = line.advisor()
    for _ in range(290):
        fresh.observe(line.second(250))
        line.scale(5, starts_s=0)  # as one says that knows of the batch at nine
        assert fresh.advice["worker"].wanted >= 5 or fresh.advice["worker"].current == 1
    for _ in range(30):
        fresh.observe(line.second(250))
    assert fresh.advice["worker"].wanted == 1


def test_workers_of_the_version_before_are_known_by_their_slots_and_the_queue() -> None:
    line = Line(2, 100.0, tells_cpu=False)
    line.run(400, 900, acts=False)
    assert line.queued > 1000
    assert line.learned() == pytest.approx(100, rel=0.1)
    assert line.scaling.advice["worker"].wanted == 9
