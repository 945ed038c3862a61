from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.domain.breaker import Breaker, BreakerState
from sureshot.domain.ratelimit import TokenBucket


def _open(breaker: Breaker, now_s: float = 0.0) -> float:
    for _ in range(100):
        opened_s = breaker.failure(now_s)
        if opened_s is not None:
            return opened_s
    raise AssertionError("it never opened")


def test_it_opens_after_the_threshold_and_not_before() -> None:
    breaker = Breaker(threshold=3, open_s=10)
    assert breaker.failure(0) is None
    assert breaker.failure(0) is None
    assert breaker.admit(0)
    assert breaker.failure(0) == 10
    assert not breaker.admit(9.9)


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(threshold=2, open_s=10)
    breaker.failure(0)
    breaker.success(0)
    assert breaker.failure(0) is None
    assert breaker.state is BreakerState.CLOSED


def test_half_open_admits_one_probe() -> None:
    breaker = Breaker(threshold=1, open_s=10)
    _open(breaker)
    assert breaker.admit(10)
    assert not breaker.admit(10)
    breaker.success(11)
    assert breaker.admit(11)
    assert breaker.admit(11)


def test_a_failed_probe_doubles_the_wait_up_to_the_most() -> None:
    breaker = Breaker(threshold=1, open_s=10, max_open_s=35)
    now_s, waits = 0.0, []
    for _ in range(4):
        waits.append(_open(breaker, now_s))
        now_s += waits[-1]
        assert breaker.admit(now_s)
    assert waits == [10, 20, 35, 35]


def test_a_lost_probe_may_be_made_again() -> None:
    breaker = Breaker(threshold=1, open_s=10)
    _open(breaker)
    assert breaker.admit(10)
    breaker.probe_lost()
    assert breaker.admit(10)


def test_stragglers_of_the_same_trouble_change_nothing() -> None:
    breaker = Breaker(threshold=1, open_s=10)
    _open(breaker)
    assert breaker.failure(5) is None
    assert breaker.admit(10)


@given(st.lists(st.sampled_from(["ok", "bad", "ask", "lost", "tick"]), max_size=200))
def test_an_open_breaker_lets_nothing_through_before_its_time(events: list[str]) -> None:
    breaker, now_s, closed_until_s = Breaker(threshold=3, open_s=7), 0.0, 0.0
    for event in events:
        if event == "tick":
            now_s += 1
        elif event == "ok":
            breaker.success(now_s)
            closed_until_s = 0
        elif event == "lost":
            breaker.probe_lost()
        elif event == "bad":
            opened_s = breaker.failure(now_s)
            if opened_s is not None:
                closed_until_s = now_s + opened_s
        elif breaker.admit(now_s):
            assert now_s >= closed_until_s


@given(
    st.floats(0.1, 1000),
    st.lists(st.floats(0, 0.5), min_size=1, max_size=300),
)
def test_a_bucket_never_gives_more_than_rate_and_burst(rate: float, waits: list[float]) -> None:
    bucket, now_s, taken = TokenBucket(rate), 100.0, 0
    bucket.take(now_s)
    taken = 1
    for wait_s in waits:
        now_s += wait_s
        taken += bucket.take(now_s)
    assert taken <= max(1, rate) + rate * (now_s - 100.0) + 1e-6


@given(st.floats(0.01, 1e5), st.integers(1, 20))
def test_after_the_announced_wait_there_is_a_token(rate: float, times: int) -> None:
    bucket, now_s = TokenBucket(rate), 5.0
    for _ in range(times):
        now_s += bucket.wait_s(now_s)
        assert bucket.take(now_s)


@pytest.mark.parametrize("rate", [1.0, 50.0, 1000.0])
def test_another_rate_gives_no_new_burst(rate: float) -> None:
    """Each process joining or leaving changes the part of the others."""
    bucket = TokenBucket(100.0)
    taken = sum(bucket.take(0.0) for _ in range(200))
    changed = bucket.at_rate(rate)
    assert taken == 100
    assert not changed.take(0.0)
    assert changed.wait_s(0.0) == pytest.approx(1 / rate)
    assert TokenBucket(100.0).at_rate(rate).take(0.0), "a full one stays full"


def test_a_clock_that_stands_still_gives_no_tokens() -> None:
    bucket = TokenBucket(1)
    assert bucket.take(0)
    assert not bucket.take(0)
    assert bucket.wait_s(0) == 1
