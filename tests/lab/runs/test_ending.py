"""Runs that cannot begin, are stopped, or lose a part: said clearly, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sureshot_lab.errors import LabError, TargetUnreachable
from sureshot_lab.runs.options import Options, refuse_production
from sureshot_lab.runs.run import run_scenario
from sureshot_lab.scenario import load_scenario
from tests.lab.runs.conftest import Run

ROOT = Path(__file__).parents[3]
STARTS_WITHIN_S = 60


def lab(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sureshot", "lab", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def a_minutes_run(
    folder: Path, *changes: str
) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """Start a run whose load takes a minute; return it when that has begun, and its processes."""
    small = ["--set", "load.stages=[[60,100,100]]", "--set", "load.warm_up_s=0"]
    child = subprocess.Popen(
        [sys.executable, "-m", "sureshot", "lab", "run", "smoke", *small, *changes],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    _load_begins(folder)
    started = psutil.Process(child.pid).children(recursive=True)
    assert len(started) >= 3, "service, sink and generator"
    return child, started


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_measured_and_leaves_no_process(tmp_path: Path) -> None:
    child, started = a_minutes_run(tmp_path)
    os.killpg(child.pid, signal.SIGINT)
    stdout, stderr = child.communicate(timeout=60)
    assert child.returncode == 2, stdout + stderr
    assert "stopping; what was measured is kept" in stderr
    result = json.loads(next(tmp_path.glob("runs/*/result.json")).read_text())
    assert (result["verdict"], result["partial"]) == ("INVALID", True)
    assert "the run was stopped before its end" in result["reasons"]
    assert 50 < result["metrics"]["accepted"] < 3000
    # A terminal sends Ctrl-C to all of its processes: the service is not to heed it.
    assert result["metrics"]["service_restarts"] == 0
    gone = psutil.wait_procs(started, timeout=5)[1]
    assert gone == []


def test_a_second_ctrl_c_ends_it_at_once_and_leaves_no_process(tmp_path: Path) -> None:
    # Receivers that hold for 20 s: stopped in order, the service would wait for them.
    child, started = a_minutes_run(tmp_path, "--set", "sink.behaviour=[{share=1.0,delay_s=20.0}]")
    os.killpg(child.pid, signal.SIGINT)
    time.sleep(1.0)
    os.killpg(child.pid, signal.SIGINT)
    signalled_s = time.monotonic()
    stdout, stderr = child.communicate(timeout=60)
    assert time.monotonic() - signalled_s < 10
    assert child.returncode == 2, stdout + stderr
    assert "ended at once" in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    assert psutil.wait_procs(started, timeout=5)[1] == []
    result = json.loads(next(tmp_path.glob("runs/*/result.json")).read_text())
    assert (result["verdict"], result["partial"]) == ("INVALID", True)
    assert result["reasons"] == ["the run broke off: it was ended at once"]
    assert result["metrics"]["accepted"] > 50


def _load_begins(folder: Path) -> None:
    until_s = time.monotonic() + STARTS_WITHIN_S
    while not list(folder.glob("runs/*/load/generator-0.ids")):
        assert time.monotonic() < until_s
        time.sleep(0.1)
    time.sleep(3.0)


async def test_a_run_that_is_stopped_before_its_load_begins_has_a_result_too(
    tmp_path: Path,
) -> None:
    stop = asyncio.Event()
    stop.set()
    scenario = load_scenario("smoke", changes={"load.warm_up_s": 0.0})
    options = Options(runs=tmp_path, engine="native", seed=7)
    result, folder = await run_scenario(scenario, options, stop=stop)
    assert (result.verdict, result.partial) == ("INVALID", True)
    assert result.conditions.seed == result.conditions.options["payload"]["seed"] == 7
    assert result.metrics["offered_per_s"] == 0
    assert (folder / "report.html").exists()


def test_a_target_that_is_not_there_is_exit_code_3_and_leaves_no_folder(tmp_path: Path) -> None:
    done = lab("run", "smoke", "--target", "http://127.0.0.1:9", "--token", "t", cwd=tmp_path)
    assert done.returncode == 3
    assert "http://127.0.0.1:9 does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no-such"], "no scenario is called 'no-such'; there are "),
        (["smoke", "--engine", "wrk"], "engine 'wrk' must be one of"),
        (["smoke", "--environment", "moon"], "environment moon: must be one of local"),
        (["smoke", "--set", "load.speed=1"], "unknown field `speed`"),
        (["smoke", "--set", "nonsense"], "must be like load.warm_up_s=10"),
        (["smoke", "--set", "payload.mix={ 'user.craeted' = 1 }"], "user.created"),
        (["smoke", "--target", "https://hooks.prod.example.com"], "--i-mean-it"),
    ],
)
def test_wrong_usage_is_a_sentence_and_exit_code_3(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = lab("run", *arguments, cwd=tmp_path)
    assert done.returncode == 3, done.stdout
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        ("https://api.production.example.com", True),
        ("https://prod-hooks.example.com:8443", True),
        ("https://live.example.com", True),
        ("https://hooks.listed.example", True),
        ("https://products.example.com", False),
        ("https://hooks.staging.example.com", False),
        ("http://127.0.0.1:8080", False),
    ],
)
def test_production_is_refused_unless_it_is_meant(
    target: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SURESHOT_LAB_PRODUCTION", "hooks.listed.example")
    options = Options(target=target)
    if refused:
        with pytest.raises(LabError, match="--i-mean-it"):
            refuse_production(options)
        refuse_production(Options(target=target, means_it=True))
    else:
        refuse_production(options)


async def test_a_service_that_does_not_start_says_why(run: Run) -> None:
    with pytest.raises(TargetUnreachable, match="SURESHOT_LEASE_S"):
        await run({"service.settings": {"lease_s": 1}})
