"""Runs that break in the midst: why is told, and what was measured until then is kept."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from sureshot_lab.result import RunResult, Verdict
from tests.lab.runs.conftest import Run
from tests.lab.runs.test_ending import lab

GONE = 'fault=[{kind="kill",at_s=6,within_s=2}]'
WITHIN_S = 30


@pytest.mark.slow
def test_a_service_that_does_not_come_back_leaves_what_was_measured(tmp_path: Path) -> None:
    python = f'service.python="{starts_once(tmp_path)}"'
    done = lab(
        "run", "smoke", "--set", "load.stages=[[60,100,100]]", "--set", "load.warm_up_s=0",
        "--set", GONE, "--set", python, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    result = json.loads(next(tmp_path.glob("runs/*/result.json")).read_text())
    assert (result["verdict"], result["partial"]) == ("INVALID", True)
    reasons = " ".join(result["reasons"])
    assert "the run broke off: after the fault kill at 6 s the service did not start" in reasons
    assert "within 2 s" in reasons
    assert "the licence is used up" in reasons
    assert "stopped before its end" not in reasons
    assert result["metrics"]["accepted"] > 20
    assert result["metrics"]["duration_s"] < 30, "the load ends with the fault"
    assert "lost" not in result["metrics"], "nobody is left who could tell"
    assert [event["what"] for event in result["events"]] == ["the service is killed (SIGKILL)"]
    assert next(tmp_path.glob("runs/*/report.html")).exists()


async def test_a_generator_that_dies_leaves_the_seconds_until_then(run: Run) -> None:
    running = asyncio.ensure_future(run({"load.stages": [[30, 100, 100]], "load.warm_up_s": 0}))
    generator = await _generator(running)
    await asyncio.sleep(4.0)
    os.kill(generator, signal.SIGKILL)
    result = await running
    assert (result.verdict, result.partial) == (Verdict.INVALID, True)
    assert "ended with -9 before the load was over" in result.reasons[0]
    assert 100 <= result.metrics["accepted"] <= 600
    assert [one.at_s for one in result.intervals] == [
        float(n) for n in range(len(result.intervals))
    ]
    assert all(one.intended == 100 for one in result.intervals)
    assert any("service.cpu_cores" in sample.values for sample in result.samples)


async def _generator(running: asyncio.Future[RunResult]) -> int:
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s and not running.done():
        for child in psutil.Process().children():
            if "sureshot_lab.load.generator" in child.cmdline():
                return int(child.pid)
        await asyncio.sleep(0.05)
    raise AssertionError("no generator was started")


def starts_once(folder: Path) -> Path:
    """Return a program that is Python the first time, and afterwards ends with a complaint."""
    program, used = folder / "starts-once", folder / "used"
    program.write_text(
        f"#!/bin/sh\n[ -e {used} ] && {{ echo the licence is used up; exit 7; }}\n"
        f'touch {used}\nexec {sys.executable} "$@"\n'
    )
    program.chmod(0o755)
    return program
