from __future__ import annotations

import fnmatch
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.domain.subscriptions import Subscriptions
from tests.support.builders import endpoint


def names(count: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from("abc"), min_size=1, max_size=count).map(".".join)


patterns = st.one_of(st.just("*"), names(3), names(3).map(lambda name: f"{name}.*"))


@pytest.mark.parametrize(
    ("pattern", "event_type", "matches"),
    [
        ("*", "invoice.paid", True),
        ("invoice.paid", "invoice.paid", True),
        ("invoice.paid", "invoice.paid.late", False),
        ("invoice.paid", "invoice", False),
        ("invoice.*", "invoice.paid", True),
        ("invoice.*", "invoice.line.added", True),
        ("invoice.*", "invoice", False),
        ("invoice.*", "invoices.paid", False),
        ("invoice.line.*", "invoice.line.added", True),
        ("invoice.line.*", "invoice.paid", False),
        ("invoice.paid", "Invoice.paid", False),
    ],
)
def test_a_pattern_matches(pattern: str, event_type: str, matches: bool) -> None:
    subscriptions = Subscriptions()
    subscriptions.put(one := endpoint(event_types=(pattern,)))
    assert subscriptions.matching("default", event_type) == ([one.id] if matches else [])


@given(wanted=st.lists(st.lists(patterns, min_size=1, max_size=3), max_size=8), event_type=names(4))
def test_the_index_answers_as_asking_everybody_would(
    wanted: list[list[str]], event_type: str
) -> None:
    subscriptions = Subscriptions()
    endpoints = [endpoint(event_types=tuple(each)) for each in wanted]
    random.Random(1).shuffle(endpoints)
    for one in endpoints:
        subscriptions.put(one)
    expected = [
        one.id
        for one in endpoints
        if any(fnmatch.fnmatchcase(event_type, pattern) for pattern in one.event_types)
    ]
    assert subscriptions.matching("default", event_type) == sorted(expected)
    assert subscriptions.matching("other", event_type) == []


def test_a_change_and_a_removal_count_at_once() -> None:
    subscriptions = Subscriptions()
    one = endpoint(event_types=("a.*", "b", "a.*"))
    subscriptions.put(one)
    subscriptions.put(endpoint(id=one.id, event_types=("c",)))
    assert [subscriptions.matching("default", name) for name in ("a.x", "b")] == [[], []]
    assert subscriptions.matching("default", "c") == [one.id]
    subscriptions.remove(one.id)
    subscriptions.remove(one.id)
    assert subscriptions.matching("default", "c") == []


def test_asking_costs_what_matches_and_not_what_is_there() -> None:
    subscriptions = Subscriptions()
    for number in range(50_000):
        subscriptions.put(endpoint(event_types=(f"t{number}.*",)))
    began_s = time.perf_counter()
    for number in range(1000):
        assert len(subscriptions.matching("default", f"t{number}.x")) == 1
    assert time.perf_counter() - began_s < 0.5
