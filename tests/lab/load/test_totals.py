"""Many processes' seconds put together equal what one process would have measured."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from sureshot_lab.load.ledger import rounded
from sureshot_lab.load.offer import DIGITS, HIGHEST_US, LOWEST_US
from sureshot_lab.load.totals import Totals
from sureshot_lab.load.wire import Counts, Failure, Second
from sureshot_lab.result import ErrorCount


def second(number: int, latencies: Counts, *, final: bool = True, **changes: object) -> Second:
    count = sum(times for _us, times in latencies)
    told: dict[str, object] = {
        "intended": count, "sent": count, "succeeded": count, "failed": 0, "dropped": 0,
        "in_flight": 0, "service": None, "refused": [], "lags": [], "errors": {},
    }  # fmt: skip
    return Second(number=number, final=final, latencies=latencies, **{**told, **changes})  # type: ignore[arg-type]


@given(st.integers(1, HIGHEST_US - 1))
def test_latencies_are_rounded_as_the_histogram_does(us: int) -> None:
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    assert rounded(us / 1e6 + 1e-9) == histogram.get_lowest_equivalent_value(us)


def test_histograms_of_all_processes_add_up() -> None:
    chance = random.Random(1)
    values = [[chance.randint(1, 10 ** (3 + p)) for _ in range(5000)] for p in range(3)]
    totals, all_in_one = Totals(3), HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for process, drawn in enumerate(values):
        totals.add(process, second(0, list(Counter(rounded(us / 1e6) for us in drawn).items())))
        for us in drawn:
            all_in_one.record_value(rounded(us / 1e6))
    assert totals.latencies_us.equals(all_in_one)
    interval = totals.intervals[0]
    for share, value_s in ((50, interval.p50_s), (95, interval.p95_s), (99, interval.p99_s)):
        assert value_s is not None
        merged_us = all_in_one.get_value_at_percentile(share)
        assert abs(value_s * 1e6 - merged_us) <= 0.002 * merged_us


def test_a_second_is_shown_once_all_have_told_it_and_settled_later() -> None:
    totals = Totals(2)
    totals.add(0, second(0, [(10, 5)]))
    assert list(totals.over()) == []
    totals.add(1, second(0, [(20, 3)], final=False, intended=5, sent=5))
    shown = list(totals.over())
    assert [(s.sent, s.succeeded) for s in shown] == [(10, 8)]
    assert totals.intervals == []
    totals.add(1, second(0, [(20, 3), (900, 2)]))
    assert list(totals.over()) == []
    assert [(s.sent, s.succeeded) for s in totals.intervals] == [(10, 10)]
    assert totals.latencies_us.get_total_count() == 10


def test_how_late_each_process_was_by_itself_adds_up() -> None:
    totals = Totals(2)
    totals.add(0, second(0, [(10, 3)], lags=[(50, 3)]))
    totals.add(1, second(0, [(10, 1)], lags=[(900_000, 1)]))
    assert totals.lags_us.get_total_count() == 4
    assert totals.lags_us.get_max_value() == pytest.approx(900_000, rel=0.01)


def test_what_one_process_never_told_is_not_lost_when_it_was_stopped() -> None:
    totals = Totals(2)
    totals.add(0, second(0, [(10, 5)]))
    totals.add(1, second(0, [(10, 4)]))
    totals.add(0, second(1, [(10, 2)], final=False))
    assert [s.at_s for s in totals.over()] == [0]
    assert [s.at_s for s in totals.rest()] == [1]
    assert [s.succeeded for s in totals.intervals] == [9, 2]


def test_errors_of_all_processes_add_up_with_the_first_of_all() -> None:
    totals = Totals(2)
    totals.add(0, second(0, [], errors={"reset": Failure(2, 0.5)}))
    totals.add(1, second(0, [], errors={"reset": Failure(1, 0.25), "timeout": Failure(9, 0.75)}))
    assert totals.errors == [
        ErrorCount(what="timeout", count=9, first_at_s=0.75),
        ErrorCount(what="reset", count=3, first_at_s=0.25),
    ]
