"""The laboratory must catch what it claims to catch: each defect made on purpose, and found."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from sureshot_lab.analysis.leak import leak_tests
from sureshot_lab.analysis.rules.validity import LATE_S
from sureshot_lab.result import Verdict
from tests.lab.k6.running import require_k6
from tests.lab.load.offers import generators
from tests.lab.runs.conftest import Run
from tests.lab.runs.proxy import refusing
from tests.support.service import ADMIN_TOKEN, API_TOKEN, running_service


@pytest.mark.slow
async def test_a_service_that_is_well_passes_and_leaves_reports(run: Run, tmp_path: Path) -> None:
    result = await run()
    # On a busy machine a latency may be missed; nothing else may be.
    missed = {gate.name for gate in result.gates if not gate.passed}
    assert missed <= {"api-latency", "delivery-latency"}, result.reasons
    assert result.metrics["accepted"] == result.metrics["delivered"] == 300
    assert result.metrics["unverified"] == result.metrics["bad_signatures"] == 0
    folder = tmp_path / "runs" / result.id
    assert {"result.json", "report.html", "report.md", "junit.xml"} <= {
        path.name for path in folder.iterdir()
    }


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["native", "k6"])
async def test_a_service_stopped_for_a_second_shows_in_the_latency(run: Run, engine: str) -> None:
    """Latency counts from the intended time: a closed loop would hide the stall."""
    if engine == "k6":
        require_k6()
    fault = {"kind": "stop", "at_s": 1.5, "duration_s": 1.0}
    changes = {"load.stages": [[5, 200, 200]], "fault": [fault]}
    result = await run(changes, engine=engine)
    assert result.metrics["submission_p99_s"] >= 0.5
    assert result.metrics["submission_p50_s"] < 0.5
    assert [event.what for event in result.events] == [
        "the service is stopped (SIGSTOP)",
        "the service goes on (SIGCONT)",
    ]
    assert result.metrics["lost"] == 0
    if engine == "native":
        # The stall is the service's. Only a machine too busy for the generator is told as such.
        lag_s = result.metrics["generator_lag_p99_s"]
        assert lag_s < result.metrics["submission_p99_s"] / 2
        assert result.verdict is (Verdict.INVALID if lag_s > LATE_S else Verdict.FAIL)


@pytest.mark.slow
async def test_a_generator_stopped_for_a_second_is_invalid_not_a_fail(
    run: Run, tmp_path: Path
) -> None:
    """It drops nothing and hardly uses its core; the latency is its own all the same."""
    changes = {"load.stages": [[6, 200, 200]]}
    running = asyncio.ensure_future(run(changes, once=True))
    while not (found := _sending(tmp_path)):
        await asyncio.sleep(0.05)
    found[0].suspend()
    await asyncio.sleep(1.0)
    found[0].resume()
    result = await running
    assert result.metrics["submission_p99_s"] >= 0.5
    assert result.metrics["generator_lag_p99_s"] >= 0.5
    assert result.metrics["dropped_requests"] == 0
    assert result.verdict is Verdict.INVALID
    assert "the generator was late by itself" in result.reasons[0]


@pytest.mark.slow
async def test_one_submission_in_twenty_refused_is_a_fail(run: Run, tmp_path: Path) -> None:
    async with running_service(tmp_path) as service, refusing(service.url, 20) as url:
        result = await run(target=url, token=API_TOKEN, admin_token=ADMIN_TOKEN)
    assert result.verdict is Verdict.FAIL
    assert "status 503" in result.reasons[0]
    assert result.metrics["submission_success_share"] == pytest.approx(0.95, abs=0.01)
    assert result.metrics["lost"] == 0


async def test_a_wrong_token_is_a_fail_with_that_reason(run: Run, tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        result = await run(target=service.url, token="wrong", admin_token=ADMIN_TOKEN)
    assert result.verdict is Verdict.FAIL
    assert "refuses the token with 401" in result.reasons[0]


@pytest.mark.slow
async def test_a_starved_generator_makes_the_run_invalid(run: Run) -> None:
    """One process is asked for more than any core can send."""
    changes = {"load.stages": [[2, 80_000, 80_000]], "load.worst_s": 2.0}
    result = await run(changes)
    assert result.verdict is Verdict.INVALID
    assert any(
        words in " ".join(result.reasons) for words in ("generator used", "dropped", "was offered")
    )


@pytest.mark.slow
async def test_a_receiver_that_forgets_one_in_a_thousand_is_found_by_the_ledger(run: Run) -> None:
    result = await run({"load.stages": [[4, 600, 600]]}, lose_every=1000)
    assert result.verdict is Verdict.FAIL
    assert result.metrics["lost"] == 2
    assert any("Accepted and lost" in reason for reason in result.reasons)


@pytest.mark.slow
@pytest.mark.parametrize("leaking", [True, False], ids=["leaking", "clean"])
async def test_a_kilobyte_kept_of_each_webhook_is_flagged(
    run: Run, tmp_path: Path, leaking: bool
) -> None:
    changes: dict[str, Any] = {
        "load.stages": [[24, 400, 400]],
        "load.warm_up_s": 8,
        "service.python": str(_python(tmp_path)) if leaking else "",
    }
    result = await run(changes, scenario="soak")
    memory = [one for one in leak_tests(result) if one.growth.what == "memory"]
    assert [one.leaking for one in memory] == [leaking], memory
    if leaking:
        assert result.metrics["leaks"] >= 1
        assert "memory" in " ".join(finding.what.lower() for finding in result.findings)


def _sending(folder: Path) -> list[psutil.Process]:
    """Return the generators of the load that have had something accepted."""
    told = [ids.parent for ids in folder.rglob("load/generator-*.ids") if ids.stat().st_size]
    return [one for place in told for one in generators(place)]


def _python(folder: Path) -> Path:
    """Return a program that takes Python's place and runs the service with its defect."""
    program = folder / "leaking-python"
    defect = Path(__file__).with_name("leaking_service.py")
    root = Path(__file__).parents[3]
    program.write_text(f'#!/bin/sh\nPYTHONPATH={root} exec {sys.executable} {defect} "$@"\n')
    program.chmod(0o755)
    return program
