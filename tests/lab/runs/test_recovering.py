"""Recovery is counted from where the service was let go of, and until deliveries are well too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sureshot_lab.runs.faults import Faults
from sureshot_lab.runs.own_service import own_service
from sureshot_lab.scenario import Fault, FaultKind, Service, Sink
from sureshot_lab.sink.process import SinkProcess
from tests.lab.runs.conftest import Run

LOAD = {"load.stages": [[20, 60, 60]], "load.warm_up_s": 1}
SLOW_S = 3


async def test_a_killed_service_is_let_go_of_at_once_a_stopped_one_at_the_end(
    tmp_path: Path,
) -> None:
    async with own_service(Service(), tmp_path / "service") as service:
        for kind in (FaultKind.KILL, FaultKind.STOP):
            fault = Fault(kind=kind, at_s=0.0, duration_s=0.5)
            async with SinkProcess.start(tmp_path / "sink", Sink(), 1) as sink:
                faults = Faults([fault], service, sink)
                await faults.run()
            began, ended = faults.events(0.0)
            found = faults.disturbance(0.0)
            assert found is not None
            assert ended.at_s - began.at_s > 0.2
            assert found.began_s == pytest.approx(began.at_s, abs=0.1)
            held_s = found.let_go_s - found.began_s
            assert held_s == 0 if kind is FaultKind.KILL else held_s >= 0.5


@pytest.mark.slow
async def test_the_restart_after_a_kill_is_a_part_of_the_recovery(run: Run, tmp_path: Path) -> None:
    python = str(slow_to_start(tmp_path))
    changes = {**LOAD, "fault": [{"kind": "kill", "at_s": 8}], "service.python": python}
    result = await run(changes)
    killed, ready = result.events
    assert ready.at_s - killed.at_s > SLOW_S
    assert result.metrics["recovery_s"] >= ready.at_s - killed.at_s - 1


@pytest.mark.slow
async def test_receivers_that_failed_leave_a_backlog_until_its_retry(run: Run) -> None:
    """Submissions never notice; what failed waits six seconds for its next attempt."""
    changes = {
        **LOAD,
        "fault": [{"kind": "sink-fails", "at_s": 4, "duration_s": 2}],
        "service.settings": {"retry_schedule_s": "6,6,6", "breaker_open_s": 1},
    }
    result = await run(changes)
    assert result.metrics["delivered_share"] == 1
    assert 3 < result.metrics["backlog_gone_s"] < 20


def slow_to_start(folder: Path) -> Path:
    """Return a program that is Python, after three seconds of doing nothing but the first time."""
    program, used = folder / "slow-to-start", folder / "used"
    program.write_text(
        f'#!/bin/sh\n[ -e {used} ] && sleep {SLOW_S}\ntouch {used}\nexec {sys.executable} "$@"\n'
    )
    program.chmod(0o755)
    return program
