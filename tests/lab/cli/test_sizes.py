"""How long scenarios take, as they say themselves."""

from __future__ import annotations

import pytest

from sureshot_lab.runs.search_run import longest_s
from sureshot_lab.scenario import Kind, load_scenario, scenario_names
from tests.cli.command import HereRuns


@pytest.mark.parametrize("name", scenario_names())
def test_the_small_size_offers_load_for_half_a_minute_at_most(name: str) -> None:
    scenario = load_scenario(name, smoke=True)
    searching = scenario.kind is Kind.BREAKPOINT
    load_s = longest_s(scenario.search) if searching else scenario.load.duration_s
    assert scenario.load.warm_up_s + load_s <= 30


def test_the_list_says_how_long_a_search_takes_at_most(here: HereRuns) -> None:
    ran = here("lab", "list")
    (row,) = [line for line in ran.out.splitlines() if line.startswith("breakpoint ")]
    assert " ".join(row.split()).startswith("breakpoint up to 9 min up to 30 s 500/s"), row
