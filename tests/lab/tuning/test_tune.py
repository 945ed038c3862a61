"""Tunings on real services: a gain that is there is found, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import msgspec
import psutil
import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.scenario import Fault, FaultKind, load_scenario
from sureshot_lab.tuning.judgement import Outcome
from sureshot_lab.tuning.objective import Objective
from sureshot_lab.tuning.outcome import FILE, Tuning, read_tuning
from sureshot_lab.tuning.space import Dimension, Space
from sureshot_lab.tuning.trial import TrialState
from sureshot_lab.tuning.tune import Plan, lasting, tune
from tests.cli.command import HereRuns, environment, line_with, start
from tests.lab.tuning.results import IN_FLIGHT

PATIENCE_S = 60.0
REPEATS = 3


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> HereRuns:
    return HereRuns(tmp_path, monkeypatch, capsys)


def _plan(runs: Path, values: tuple[int, ...], begin: int, **told: object) -> Plan:
    """Return a plan for receivers that take 100 ms, at 80/s: five slots do 50."""
    scenario = load_scenario("smoke", changes={
        "load.stages": [[2, 80, 80]], "load.warm_up_s": 0.0, "gates.own": [],
        "sink.behaviour": [{"share": 1.0, "delay_s": 0.1}], IN_FLIGHT: begin, **told,
    })  # fmt: skip
    return Plan(
        scenario=scenario, space=Space((Dimension(IN_FLIGHT, values, ""),), {IN_FLIGHT: begin}),
        objective=Objective.LATENCY, trials=2, repeats=4, seed=1, runs=runs,
    )  # fmt: skip


SCENARIO = """
title = "Receivers that take 100 ms, at 80/s: five slots do 50"
about = "The gates of latency are left out: with five slots they would be missed."
engine = "native"
load.stages = [[2, 80, 80]]
load.warm_up_s = 0
sink.behaviour = [{ share = 1.0, delay_s = 0.1 }]
gates.targets = ["lost"]
service.settings = { queue_limit = 4000, intake_limit = 4000, max_in_flight_per_endpoint = 0 }
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_more_slots_are_found_where_a_file_has_too_few_and_proven(tmp_path: Path) -> None:
    (tmp_path / "load.toml").write_text(SCENARIO)
    (tmp_path / "ours.toml").write_text("max_in_flight = 5\ntimeout_s = 9\nport = 1\n")
    process = await start(
        ("lab", "tune", "load.toml", "--start", "ours.toml", "--objective", "latency", "--json",
         "--trials", "2", "--seconds", "2", "--repeats", "4"),
        tmp_path, environment(),
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    tuning = msgspec.json.decode(out, type=Tuning)
    assert tuning.start_name == "ours.toml"
    assert tuning.conditions["settings"]["timeout_s"] == "9"
    assert "port" not in tuning.conditions["settings"]
    assert len(tuning.trials) == 2
    assert tuning.trials[0].point == {IN_FLIGHT: 5}
    assert tuning.trials[1].point == tuning.changes
    assert f"trial 2 of 2: max_in_flight {tuning.changes[IN_FLIGHT]}" in err.decode()
    first = tuning.judgement.compared[0]
    assert first.metric == "end_to_end_p95_s"
    assert first.change.high < 0
    assert tuning.judgement.kept == ((4, 4), (4, 4))
    folder = tmp_path / "runs" / tuning.id
    assert len(list((folder / "trials").glob("*/result.json"))) == 2
    # Eight, and those that the machine made INVALID.
    assert len(list((folder / "compared").glob("*/result.json"))) >= 8
    settings = (tmp_path / "sureshot-tuned.toml").read_text().splitlines()
    assert "# These take the place of the same settings of ours.toml." in settings
    assert settings[-1] == f"max_in_flight = {tuning.changes[IN_FLIGHT]}"
    page = (folder / "tune.html").read_text()
    assert "the candidate is better" in page
    assert f"max_in_flight = {tuning.changes[IN_FLIGHT]}" in page
    assert f"trials/{tuning.trials[1].run}/report.html" in page


@pytest.mark.slow
async def test_a_gate_that_is_missed_rules_a_point_out_and_the_defaults_stay(
    tmp_path: Path,
) -> None:
    plan = _plan(tmp_path, (2, 500), 500, drain_s=10.0)
    tuning, folder = await tune(plan, lambda _line: None, asyncio.Event())
    first, second = tuning.trials
    assert first.state is TrialState.CANDIDATE
    assert second.state is TrialState.GATES_MISSED
    assert second.violation > 0
    assert tuning.candidate is None
    assert tuning.judgement.outcome is Outcome.NO_DIFFERENCE
    assert "no other settings kept every gate" in tuning.judgement.says
    assert not (folder / "compared").exists()


async def _stopped_by_ctrl_c(folder: Path) -> Tuning:
    """Run a tuning in *folder*, end it in its second trial; nothing it started is left."""
    folder.mkdir()
    process = await start(
        ("lab", "tune", "smoke", "--trials", "9", "--seconds", "3", "--json",
         "--set", "load.warm_up_s=0"),
        folder, environment(),
    )  # fmt: skip
    try:
        await line_with(process.stderr, "trial 1 of 9")
        await asyncio.sleep(2)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 2, err.decode()
    assert b"Traceback" not in err
    _gone, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    return msgspec.json.decode(out, type=Tuning)


@pytest.mark.slow
async def test_ctrl_c_ends_in_order_and_tells_the_best_so_far(tmp_path: Path) -> None:
    for number in range(REPEATS):
        here = tmp_path / str(number)
        tuning = await _stopped_by_ctrl_c(here)
        assert tuning.stopped
        assert len(tuning.trials) == 1
        assert not (here / "sureshot-tuned.toml").exists()
        (folder,) = (here / "runs").iterdir()
        assert read_tuning(folder / FILE) == tuning
        # A machine that steals CPU leaves no candidate: then there is no best to tell.
        if tuning.trials[0].state is TrialState.CANDIDATE:
            break
    assert "the best so far is the defaults" in tuning.judgement.says


def test_wrong_usage_is_a_sentence_before_anything_runs(here: HereRuns, tmp_path: Path) -> None:
    for arguments, said in (
        (("smoke", "--objective", "speed"), "must be one of cpu, latency, goodput"),
        (("smoke", "--profile", "big"), "must be one of embedded, postgres, cluster"),
        (("breakpoint",), "tune needs one of the kind load"),
        (("smoke", "--output", "nowhere/a.toml"), "there is no folder nowhere"),
    ):
        ran = here("lab", "tune", *arguments)
        assert ran.code == 3
        assert said in ran.err
    assert not (tmp_path / "runs").exists()


def test_a_load_is_as_long_as_told_and_its_faults_move_with_it() -> None:
    scenario = load_scenario("spike")
    scenario = msgspec.structs.replace(scenario, fault=[Fault(kind=FaultKind.STOP, at_s=20.0)])
    short = lasting(scenario, scenario.load.duration_s / 4)
    assert short.load.duration_s == pytest.approx(scenario.load.duration_s / 4)
    assert short.load.peak_per_s == scenario.load.peak_per_s
    assert short.fault[0].at_s == pytest.approx(5.0)
    with pytest.raises(LabError, match="of the kind routes"):
        lasting(load_scenario("baseline-single"), 5.0)
