"""Searches for the breaking point against real services: what they find, count and forgive."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.progress import Progress
from sureshot_lab.runs.run import run_scenario
from sureshot_lab.runs.site import open_site
from sureshot_lab.scenario import load_scenario
from tests.lab.runs.conftest import SMALL
from tests.support.service import API_TOKEN, running_service

WEAK = [{"share": 1.0, "delay_s": 0.1}]


async def searched(
    folder: Path, changes: dict[str, Any], *, stop_at: str = "never", **options: Any
) -> RunResult:
    """Return what one search with steps of a second comes to; *stop_at*: the message to end at."""
    small = {**SMALL, "search.step_s": 1.0, "search.precision": 1.0, "search.repeats": 1}
    scenario = load_scenario("breakpoint", changes={**small, **changes})
    stop = asyncio.Event()

    def tell(progress: Progress) -> None:
        if progress.message.startswith(stop_at):
            stop.set()

    result, _folder = await run_scenario(
        scenario, Options(runs=folder / "runs", **options), tell, stop
    )
    return result


def rate(per_s: float) -> dict[str, Any]:
    """Return the changes for a search that has one rate to try first."""
    return {"search.start_per_s": per_s, "search.most_per_s": per_s}


@pytest.fixture(autouse=True)
def no_wrk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep wrk away, which takes all the CPU there is; return a folder on the path."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


@pytest.mark.slow
async def test_a_service_without_an_admin_token_has_a_capacity_too(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        result = await searched(tmp_path, rate(40), target=service.url, token=API_TOKEN)
    assert result.metrics["capacity_per_s"] > 0, result.tables
    assert "not delivered" not in str(result.tables)
    assert result.metrics["lost"] == 0


async def test_without_an_admin_token_a_wait_ends_with_the_last_webhook(tmp_path: Path) -> None:
    """Not only after three seconds of silence: a search waits after each of its steps."""
    scenario = load_scenario("smoke", changes={"endpoints.count": 1})
    async with running_service(tmp_path) as service:
        options = Options(target=service.url, token=API_TOKEN)
        async with open_site(scenario, options, tmp_path / "run", lambda _sample: None) as site:
            body = {"endpointId": site.endpoint_ids[0], "payload": {}}
            status, _answer = await site.client.call("POST", "/api/v1/webhooks", body)
            began_s = time.monotonic()
            assert await site.empty(20.0, expected=1)
            assert time.monotonic() - began_s < 2.5
            assert not await site.empty(1.0, expected=2)
            assert (await site.sink.stats()).unique == 1
    assert status == 202


@pytest.mark.slow
async def test_goodput_is_what_arrived_in_time_and_what_waits_is_not_lost(tmp_path: Path) -> None:
    """One receiver takes 20 a second and is offered 240: most of a step comes much later."""
    changes = {
        **rate(240), "drain_s": 0.5, "sink.behaviour": WEAK, "endpoints.count": 1,
        "endpoints.max_in_flight": 2,
    }  # fmt: skip
    result = await searched(tmp_path, changes, stop_at="step 3")
    metrics = result.metrics
    assert metrics["accepted"] == 480
    assert 10 < metrics["goodput_max_per_s"] <= 25
    assert metrics["lost"] == 0
    assert metrics["pending"] > 50
    assert "kept" not in [row[-1] for row in result.tables[0].rows]


async def test_what_no_receiver_saw_and_nobody_knows_of_is_lost(tmp_path: Path) -> None:
    result = await searched(tmp_path, rate(40), stop_at="step 2", lose_every=10)
    assert (result.metrics["lost"], result.metrics["pending"]) == (4, 0)
    assert result.verdict is Verdict.FAIL
    assert "4 not delivered 3 s after the load" in str(result.tables)


async def test_a_cross_check_that_fails_takes_nothing_from_what_was_found(
    tmp_path: Path, no_wrk: Path
) -> None:
    broken = no_wrk / "wrk"
    broken.write_text("#!/bin/sh\necho it is too old >&2\nexit 1\n")
    broken.chmod(0o755)
    result = await searched(tmp_path, rate(40))
    assert result.metrics["capacity_per_s"] > 0
    assert result.tables
    assert not any("broke off" in reason for reason in result.reasons)
    assert result.reasons[-1].startswith("there is no cross-check by wrk: wrk did not measure")
    assert "it is too old" in result.reasons[-1]
