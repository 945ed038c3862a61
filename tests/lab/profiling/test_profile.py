"""A profile of a real service; and what its stacks are turned into."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from sureshot_lab.errors import LabError, ToolMissing, UnreadableResult
from sureshot_lab.profiling.flame_graph import flame_graph
from sureshot_lab.profiling.profile_run import profile_scenario
from sureshot_lab.profiling.spy import Recording, find_spy, record
from sureshot_lab.profiling.stacks import read_profile, top_functions
from sureshot_lab.profiling.stages import LOOP, stage_costs
from sureshot_lab.result import read_result
from sureshot_lab.runs.options import Options
from sureshot_lab.scenario import load_scenario

HAS_SPY = Path(sys.executable).with_name("py-spy").exists() or shutil.which("py-spy")
needs_spy = pytest.mark.skipif(not HAS_SPY, reason="py-spy is not installed")

STACKS = """\
thread (7): MainThread;run (/x/asyncio/runners.py:10);send (/x/src/sureshot/delivery/sender.py:5) 30
thread (7): MainThread;run (/x/asyncio/runners.py:10) 10
thread (8): database;loop (/x/src/sureshot/store/sqlite_thread.py:9);fsync (/x/os.py:1) 60
"""


def _recording(folder: Path, text: str = STACKS) -> Recording:
    path = folder / "stacks-1.txt"
    path.write_text(text)
    # The database's thread waits for the disk: py-spy sees it, the kernel does not charge it.
    return Recording(path, {7: 0.8, 8: 0.2}, 1.0)


def test_a_stage_is_charged_what_its_threads_cost_not_how_often_they_were_seen(
    tmp_path: Path,
) -> None:
    costs = {one.stage: one for one in stage_costs(read_profile([_recording(tmp_path)]), 500.0)}
    assert costs["sender"].share == pytest.approx(0.6)
    assert costs["store"].share == pytest.approx(0.2)
    assert costs[LOOP].us_per_webhook == pytest.approx(100.0)
    assert costs["store"].samples == 60
    assert sum(one.us_per_webhook or 0.0 for one in costs.values()) == pytest.approx(500.0)


def test_a_function_counts_once_a_stack_and_with_what_it_calls(tmp_path: Path) -> None:
    twice = STACKS + "thread (7): MainThread;a (/x/a.py:1);a (/x/a.py:1) 40\n"
    functions = {one.frame.function: one for one in top_functions(read_profile([
        _recording(tmp_path, twice)
    ]))}  # fmt: skip
    assert functions["a"].own == pytest.approx(0.4)
    assert functions["a"].whole == pytest.approx(0.4)
    assert functions["run"].whole == pytest.approx(0.4)
    assert functions["send"].frame.place == "sureshot/delivery/sender.py:5"


def test_a_flame_graph_is_as_wide_as_the_cpu(tmp_path: Path) -> None:
    graph = ET.fromstring(flame_graph(read_profile([_recording(tmp_path)]), "a < b"))
    widths = {
        (group[0].text or "").split(" ")[0]: float(group[1].attrib["width"])
        for group in graph.iter("{http://www.w3.org/2000/svg}g")
    }
    assert widths["all"] == pytest.approx(1200)
    assert widths["send"] == pytest.approx(720)
    assert widths["fsync"] == pytest.approx(240)


def test_a_file_that_is_no_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableResult, match="no list of stacks"):
        read_profile([_recording(tmp_path, "hello world\n")])


def test_without_py_spy_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissing, match="pip install py-spy"):
        find_spy()


@needs_spy
async def test_a_process_that_is_gone_is_told_with_py_spys_words(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="could not record process 4194000"):
        await record(find_spy(), [4_194_000], 1.0, tmp_path, asyncio.Event())


@needs_spy
async def test_a_run_under_py_spy_tells_where_its_cpu_went(tmp_path: Path) -> None:
    # Enough of it that no stage is missed by chance: py-spy looks a hundred times a second.
    small = {"load.stages": [[6, 600, 600]], "load.warm_up_s": 0.5, "endpoints.count": 2}
    scenario = load_scenario("smoke", changes={**small, "drain_s": 10})
    result, folder = await profile_scenario(scenario, Options(runs=tmp_path))
    assert read_result(folder).files == result.files
    assert "sender" in (folder / result.files["flame-graph"]).read_text()
    assert "profile/flame-graph.svg" in (folder / "report.html").read_text()
    stages = next(table for table in result.tables if table.name == "stages")
    per_webhook = sum(float(row[4] or 0) for row in stages.rows)
    assert per_webhook == pytest.approx(result.metrics["service_cpu_us_per_webhook"], rel=0.01)
    busy = {row[0] for row in stages.rows if row[1]}
    assert {"store", "sender"} <= busy
    functions = next(table for table in result.tables if table.name == "functions")
    evidence = " ".join(finding.evidence for finding in result.findings)
    assert f"CPU most went into {functions.rows[0][0]} (" in evidence
    assert not (folder / "service" / "data").exists()


@needs_spy
async def test_a_search_or_a_service_elsewhere_is_not_profiled(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no single load"):
        await profile_scenario(load_scenario("breakpoint"), Options(runs=tmp_path))
    elsewhere = Options(runs=tmp_path, target="http://127.0.0.1:1")
    with pytest.raises(LabError, match="leave --target out"):
        await profile_scenario(load_scenario("smoke"), elsewhere)
    assert not list(tmp_path.iterdir())
