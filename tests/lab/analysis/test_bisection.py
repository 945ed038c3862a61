"""The search for the highest rate: it ends, it is right, and one bad step does not mislead it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sureshot_lab.analysis.bisection import Bisection, most_steps
from sureshot_lab.errors import LabError


def searched(search: Bisection, passes: Callable[[float], bool]) -> Bisection:
    """Run *search* to its end; it takes no more than 200 steps."""
    for _ in range(200):
        rate = search.next_rate()
        if rate is None:
            return search
        search.tell(rate, passes(rate))
    raise AssertionError("the search does not end")


@settings(deadline=None)  # scipy takes a second to load
@given(
    truth=st.floats(10, 50_000),
    start=st.floats(100, 2000),
    precision=st.floats(0.01, 0.3),
    repeats=st.integers(1, 4),
)
def test_the_answer_is_within_the_precision(
    truth: float, start: float, precision: float, repeats: int
) -> None:
    search = Bisection(start, 60_000, precision=precision, repeats=repeats)
    searched(search, lambda rate: rate <= truth)
    assert len(search.answers) == repeats
    found = search.capacity()
    assert found is not None
    if truth >= start / 32:
        assert truth / (1 + precision) <= found.low <= found.value <= found.high <= truth * 1.0001


def test_it_doubles_and_then_bisects() -> None:
    search = Bisection(500, 60_000, precision=0.2, repeats=1, retries=0)
    searched(search, lambda rate: rate <= 1700)
    assert [(round(one.rate_per_s), one.passed) for one in search.tried] == [
        (500, True),
        (1000, True),
        (2000, False),
        (1414, True),
        (1682, True),
    ]


def test_one_noisy_failure_in_each_search_changes_nothing() -> None:
    failures = iter([True, *[False] * 6] * 50)
    calm = searched(Bisection(500, 60_000), lambda rate: rate <= 3000)
    noisy = searched(Bisection(500, 60_000), lambda rate: rate <= 3000 and not next(failures))
    assert noisy.answers == calm.answers
    assert len(noisy.tried) > len(calm.tried)


def test_noise_near_the_limit_shows_in_the_interval() -> None:
    rng = random.Random(5)
    search = Bisection(500, 60_000, precision=0.02, repeats=7)
    searched(search, lambda rate: rate * rng.lognormvariate(0, 0.05) <= 3000)
    found = search.capacity()
    assert found is not None
    assert 2700 < found.value < 3300
    assert found.low < found.value < found.high
    assert len(set(search.answers)) > 4


def test_a_rate_is_asked_for_until_it_is_told() -> None:
    search = Bisection(500, 60_000)
    assert search.next_rate() == search.next_rate() == 500
    with pytest.raises(ValueError, match="was not asked for"):
        search.tell(501, True)
    search.tell(500, True)
    assert search.next_rate() == 1000


def test_a_service_faster_than_the_most_is_told_so() -> None:
    search = searched(Bisection(500, 6000, repeats=2), lambda _rate: True)
    assert search.at_most
    assert search.answers == [6000, 6000]
    assert not searched(Bisection(500, 6000), lambda rate: rate <= 3000).at_most


def test_a_service_that_keeps_nothing_has_no_capacity() -> None:
    search = searched(Bisection(640, 6000, repeats=2), lambda _rate: False)
    found = search.capacity()
    assert found is not None
    assert found.value == 0
    assert min(one.rate_per_s for one in search.tried) == 10
    assert [one.rate_per_s for one in search.tried].count(640) == 4  # each twice, for certain


def test_before_a_search_has_ended_there_is_no_capacity() -> None:
    assert Bisection(500, 6000).capacity() is None


def test_later_searches_are_shorter() -> None:
    search = searched(Bisection(100, 60_000, repeats=3), lambda rate: rate <= 9000)
    steps = [sum(one.search == number for one in search.tried) for number in (1, 2, 3)]
    assert max(steps[1:]) < steps[0]
    assert {one.search for one in search.tried} == {1, 2, 3}
    firsts = [next(one for one in search.tried if one.search == number) for number in (2, 3)]
    assert all(one.passed and one.rate_per_s < search.answers[0] for one in firsts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_per_s": 0},
        {"start_per_s": 7000},
        {"precision": 0},
        {"repeats": 0},
        {"retries": -1},
    ],
)
def test_impossible_searches_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(LabError):
        Bisection(**{"start_per_s": 500, "most_per_s": 6000, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", [0.05, 0.5])
def test_no_search_takes_more_steps_than_are_reckoned_with(precision: float) -> None:
    """Every rate within the limit passes only at its second try; beyond it, none does."""
    most, taken = most_steps(2000, 40_000, precision=precision), []
    for limit in (1, 31, 40, 100, 600, 1999, 2000, 3100, 9000, 16_500, 33_000, 39_000, 50_000):
        search = Bisection(2000, 40_000, precision=precision, repeats=1)
        tries: Counter[float] = Counter()
        while (rate := search.next_rate()) is not None:
            tries[rate] += 1
            search.tell(rate, rate <= limit and tries[rate] == 2)
        taken.append(len(search.tried))
    assert max(taken) == most
