"""Little's law: agreement, disagreement, and what it cannot be asked of."""

from __future__ import annotations

import pytest

from sureshot_lab.analysis.littles_law import littles_law, littles_law_of
from tests.lab.analysis.runs import a_run, latency, seconds


def test_what_agrees_is_consistent() -> None:
    found = littles_law(in_flight=21, per_s=100, mean_s=0.2)
    assert found.expected == pytest.approx(20)
    assert found.ratio == pytest.approx(1.05)
    assert found.consistent


@pytest.mark.parametrize("in_flight", [10, 30])
def test_what_disagrees_is_told_with_both_figures(in_flight: float) -> None:
    found = littles_law(in_flight, per_s=100, mean_s=0.2)
    assert not found.consistent
    assert f"{in_flight} in flight were counted, 20 follow" in found.reason


def test_half_a_request_more_or_less_is_no_disagreement() -> None:
    assert littles_law(in_flight=0.5, per_s=100, mean_s=0.001).consistent
    assert littles_law(in_flight=0, per_s=0, mean_s=0.001).ratio == 1


def test_a_run_is_held_to_it_without_its_drain() -> None:
    load = seconds(60, rate=300, in_flight=60)
    drain = seconds(90, rate=0)[60:]
    run = a_run(intervals=[*load, *drain], latencies={"submission": latency(mean_s=0.2)})
    found = littles_law_of(run)
    assert found is not None
    assert found.consistent
    failing = a_run(
        intervals=seconds(60, rate=300, in_flight=60, failed=150),
        latencies={"submission": latency(mean_s=0.2)},
    )
    assert littles_law_of(failing) == found  # what fails was in flight as well
    short = a_run(intervals=load, latencies={"submission": latency(mean_s=0.05)})
    found = littles_law_of(short)
    assert found is not None
    assert found.ratio == pytest.approx(4)
    assert not found.consistent


def test_few_counts_that_jump_are_no_disagreement() -> None:
    bursty = a_run(
        intervals=seconds(12, in_flight=lambda s: 60 if s % 6 == 0 else 1),
        latencies={"submission": latency(mean_s=0.08)},
    )
    found = littles_law_of(bursty)
    assert found is not None
    assert found.ratio < 0.5
    assert found.consistent


def test_runs_that_cannot_show_it_are_left_out() -> None:
    uncounted = a_run(intervals=seconds(60), latencies={"submission": latency()})
    assert littles_law_of(uncounted) is None
    slow = a_run(
        intervals=seconds(20, in_flight=500), latencies={"submission": latency(mean_s=5.0)}
    )
    assert littles_law_of(slow) is None
    assert littles_law_of(a_run()) is None
