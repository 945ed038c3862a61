"""What an environment with a part of production's capacity is offered, and asked for."""

from __future__ import annotations

import pytest

from sureshot_lab.report.figures import limit
from sureshot_lab.runs.outcome import gates_of
from sureshot_lab.scenario import load_scenario
from tests.lab.runs.conftest import Run


@pytest.mark.slow
async def test_a_quarter_of_the_rate_is_held_against_a_quarter_of_the_throughput(run: Run) -> None:
    result = await run(
        {"load.stages": [[3, 170, 170]]}, scenario="performance", environment="staging"
    )
    assert result.metrics["offered_per_s"] == pytest.approx(42.5, abs=0.5)
    throughput = next(gate for gate in result.gates if gate.name == "throughput")
    assert throughput.passed, throughput
    assert limit(throughput) == "≥ 2,500/min"
    assert throughput.title == "Throughput (25 % of ≥ 10,000/min)"


def test_a_search_and_what_it_must_reach_are_scaled() -> None:
    whole, part = load_scenario("breakpoint"), load_scenario("breakpoint", environment="staging")
    assert (part.search.start_per_s, part.search.most_per_s) == (250, 10_000)
    assert part.search.start_per_s == whole.search.start_per_s / 4
    capacity = gates_of(part)[-1]
    assert capacity.limit == pytest.approx(166.7 / 4)
    assert capacity.title == "Highest rate within the promises (25 % of ≥ 167/s)"


def test_a_count_that_must_be_reached_is_scaled() -> None:
    at_once = gates_of(load_scenario("concurrent-10k", environment="staging"))[-1]
    assert (at_once.metric, at_once.limit) == ("sink_in_flight_max", 2500)


@pytest.mark.parametrize("scenario", ["load", "stress", "recovery", "exhaustion-connections"])
def test_latencies_shares_losses_and_what_must_not_be_passed_stay(scenario: str) -> None:
    whole, part = (
        {gate.metric: gate for gate in gates_of(load_scenario(scenario, environment=where))}
        for where in ("local", "staging")
    )
    for metric in whole.keys() - {"throughput_per_min"}:
        assert part[metric] == whole[metric]


@pytest.mark.parametrize("environment", ["loadtest", "production-like"])
def test_an_environment_as_large_as_production_is_asked_for_all(environment: str) -> None:
    whole, other = load_scenario("peak"), load_scenario("peak", environment=environment)
    assert other == whole
    assert gates_of(other) == gates_of(whole)
