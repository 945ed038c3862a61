"""The learned limit, against receivers of every kind: more is always waiting than may be sent."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from sureshot.domain.concurrency import AdaptiveLimit

SHARE = 400
"""What a lane may have in flight whatever the limit says."""
REST_S = 5.0
"""So long nothing is sent after a refusal, as the dispatcher does."""

Answer = tuple[float, bool]


@dataclass
class Told:
    """What became of a lane: when each success and failure came, and the limit by the second."""

    good_s: list[float] = field(default_factory=list)
    bad_s: list[float] = field(default_factory=list)
    limits: dict[int, int] = field(default_factory=dict)

    def rate(self, since_s: float, until_s: float) -> float:
        return sum(since_s <= at_s < until_s for at_s in self.good_s) / (until_s - since_s)

    def failures(self, since_s: float, until_s: float) -> int:
        return sum(since_s <= at_s < until_s for at_s in self.bad_s)


def drive(receiver: Callable[[float, int], Answer], until_s: float) -> Told:
    """Send as much as the limit admits until *until_s*; *receiver* is told time and load."""
    limit, told = AdaptiveLimit(), Told()
    under_way: list[tuple[float, float, bool]] = []
    now_s = closed_until_s = 0.0
    while now_s < until_s:
        told.limits[int(now_s)] = limit.limit
        while now_s >= closed_until_s and len(under_way) < min(limit.limit or SHARE, SHARE):
            took_s, good = receiver(now_s, len(under_way) + 1)
            heapq.heappush(under_way, (now_s + took_s, now_s, good))
        if not under_way:
            now_s = closed_until_s
            continue
        if now_s < closed_until_s < under_way[0][0]:
            now_s = closed_until_s
            continue
        now_s, sent_s, good = heapq.heappop(under_way)
        if good:
            told.good_s.append(now_s)
            limit.succeeded(now_s - sent_s, len(under_way) + 1, now_s)
        else:
            told.bad_s.append(now_s)
            limit.strained(now_s - sent_s, len(under_way) + 1, now_s)
            closed_until_s = max(closed_until_s, now_s + REST_S)
    return told


class Desks:
    """So many desks, each takes *work_s*; who finds none free waits, beyond *line* is refused."""

    def __init__(self, desks: int, work_s: float, line: float = math.inf) -> None:
        self.free_s = [0.0] * desks
        self.work_s = work_s
        self.line = line
        self.ends_s: list[float] = []

    def __call__(self, now_s: float, load: int) -> Answer:
        del load
        while self.ends_s and self.ends_s[0] <= now_s:
            heapq.heappop(self.ends_s)
        if len(self.ends_s) >= len(self.free_s) + self.line:
            return 0.001, False
        end_s = max(now_s, self.free_s[0]) + self.work_s
        heapq.heapreplace(self.free_s, end_s)
        heapq.heappush(self.ends_s, end_s)
        return end_s - now_s, True


def varying(rng: random.Random, median_s: float, sigma: float) -> Callable[[float, int], Answer]:
    """Answers of a log-normal latency that has nothing to do with the load."""
    return lambda _now_s, _load: (median_s * math.exp(rng.gauss(0, sigma)), True)


def test_a_receiver_that_answers_well_is_never_held_back() -> None:
    told = drive(varying(random.Random(1), 0.02, 0.5), 10)
    assert set(told.limits.values()) == {0}
    assert told.rate(1, 10) > 0.9 * SHARE / 0.0227


@pytest.mark.parametrize("seed", range(5))
def test_one_that_is_slow_but_bears_any_number_gets_nearly_all_it_could(seed: int) -> None:
    told = drive(varying(random.Random(seed), 0.3, 0.6), 120)
    could = SHARE / (0.3 * math.exp(0.6**2 / 2))
    assert told.rate(0, 120) > 0.85 * could


def test_one_that_works_on_four_at_a_time_is_sent_few_more_and_does_all_it_can() -> None:
    told = drive(Desks(4, 0.05), 60)
    assert told.rate(10, 60) > 0.97 * 4 / 0.05
    # 28 at once take it the 0.35 s that are allowed it; now and then twice as many are tried.
    assert max(told.limits[second] for second in range(15, 60)) <= 60


def test_one_that_refuses_what_is_too_much_is_soon_not_sent_too_much() -> None:
    told = drive(Desks(8, 0.02, line=24), 120)
    could = 8 / 0.02
    assert told.rate(10, 120) > 0.8 * could
    assert told.failures(10, 120) <= 8


def test_one_that_has_become_slower_is_not_taken_for_a_crowded_one_for_long() -> None:
    def receiver(now_s: float, _load: int) -> Answer:
        return (0.3 if now_s < 20 else 1.2), True

    told = drive(receiver, 90)
    assert told.rate(50, 90) > 0.9 * SHARE / 1.2


def test_one_that_was_down_is_begun_with_one_and_gets_everything_again() -> None:
    def receiver(now_s: float, load: int) -> Answer:
        return (0.1, True) if not 10 <= now_s < 31 else (0.01, load < 0)

    told = drive(receiver, 60)
    first = [at_s for at_s in told.good_s if 31 <= at_s < 36.2]
    assert first
    assert told.limits[30] == 1
    assert told.rate(45, 60) > 0.9 * SHARE / 0.1


def test_one_that_fails_now_and_then_whatever_it_is_sent_is_not_slowed_further() -> None:
    rng = random.Random(3)

    def receiver(_now_s: float, _load: int) -> Answer:
        return 0.1, rng.random() > 0.02

    told = drive(receiver, 300)
    # It rests after each refusal; between two, everything that was out comes back.
    assert told.rate(60, 300) > 0.5 * SHARE / (REST_S + 0.1)


def test_what_was_sent_before_the_limit_changed_lowers_it_no_further() -> None:
    limit = AdaptiveLimit()
    for left in range(100, 0, -1):
        took = limit.succeeded if left % 2 else limit.strained
        took(0.5, left, 10.0)
    assert limit.limit == 40


def test_the_slow_tail_of_a_burst_is_no_strain() -> None:
    rng, limit = random.Random(4), AdaptiveLimit()
    answer = varying(rng, 1.0, 0.6)
    for second in range(400):
        limit.succeeded(answer(0.0, 0)[0], 5, float(second))
    burst = sorted(answer(0.0, 0)[0] for _ in range(400))
    for out, took_s in zip(range(400, 0, -1), burst, strict=True):
        limit.succeeded(took_s, out, 500.0 + took_s)
        assert limit.limit == 0
