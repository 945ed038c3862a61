"""A profile of a real service's memory; and what memray's files are turned into."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sureshot_lab.errors import LabError, ToolMissing, UnreadableResult
from sureshot_lab.profiling.allocation_findings import (
    GROWTH_BYTES,
    allocation_findings,
    allocation_metrics,
    allocation_tables,
)
from sureshot_lab.profiling.allocations import Allocations, Amount, read_allocations
from sureshot_lab.profiling.profile_run import profile_scenario
from sureshot_lab.profiling.stacks import Frame
from sureshot_lab.result import Table, read_result
from sureshot_lab.runs.options import Options
from sureshot_lab.scenario import load_scenario

needs_memray = pytest.mark.skipif(
    importlib.util.find_spec("memray") is None, reason="memray is not installed"
)
TRACED = """
import os, signal, sys
kept = []
os.kill(os.getpid(), signal.SIGUSR2)
for _ in range(1000):
    dropped = bytearray(5000)
kept.append(bytearray(3_000_000))
os.kill(os.getpid(), signal.SIGUSR2)
kept.append(bytearray(9_000_000))
"""


def _found(kept_bytes: int) -> Allocations:
    sender = Frame("send", "/x/src/sureshot/delivery/sender.py", 5)
    store = Frame("add", "/x/src/sureshot/store/rows.py", 9)
    return Allocations(
        made={sender: Amount(300, 10_000), store: Amount(100, 50_000)},
        made_by_stage={"sender": Amount(300, 10_000), "store": Amount(100, 50_000)},
        at_peak={store: Amount(10, 2 * kept_bytes)},
        kept={store: Amount(5, kept_bytes)},
        rss_begin_bytes=1, rss_peak_bytes=3, rss_end_bytes=2,
    )  # fmt: skip


def _table(tables: list[Table], name: str) -> Table:
    return next(table for table in tables if table.name == name)


def test_what_was_allocated_is_told_of_a_webhook() -> None:
    metrics = allocation_metrics(_found(500), 100)
    assert metrics["allocations_per_webhook"] == pytest.approx(4.0)
    assert metrics["allocated_bytes_per_webhook"] == pytest.approx(600.0)
    assert metrics["kept_bytes_per_webhook"] == pytest.approx(5.0)
    tables = allocation_tables(_found(500), 100)
    by_count = _table(tables, "allocators-by-count")
    assert by_count.rows[0] == ["send", "sureshot/delivery/sender.py:5", 300, 10_000, 3.0, 100.0]
    stages = {row[0]: row[1:] for row in _table(tables, "allocation-stages").rows}
    assert stages["store"] == [100, 50_000, 1.0, 500.0]


def test_without_webhooks_nothing_is_told_of_one() -> None:
    assert not [name for name in allocation_metrics(_found(500), 0) if "webhook" in name]
    assert len(allocation_findings(_found(500), 0)) == 1


@pytest.mark.parametrize(
    ("kept_bytes", "delivered", "grew"),
    [
        (GROWTH_BYTES, 10_000, True),
        (GROWTH_BYTES - 1, 10_000, False),
        (GROWTH_BYTES, 1_000_000, False),
    ],
)
def test_memory_grew_when_much_was_kept_in_all_and_of_a_webhook(
    kept_bytes: int, delivered: int, grew: bool
) -> None:
    found = {one.what: one for one in allocation_findings(_found(kept_bytes), delivered)}
    assert ("Memory grew under the load" in found) == grew
    if grew:
        told = found["Memory grew under the load"]
        assert told.severity == "warning"
        assert "sureshot/store/rows.py:9" in told.evidence


def test_files_that_are_none_of_memrays_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("memray")
    (tmp_path / "a.bin").write_text("hello")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(UnreadableResult, match="cannot be read"):
        read_allocations(tmp_path / "a.bin", tmp_path / "a.json")


@needs_memray
def test_only_what_is_allocated_between_the_two_signals_is_told(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(TRACED)
    capture, stats = tmp_path / "a.bin", tmp_path / "a.json"
    for words in (
        ["sureshot_lab.profiling.traced_service", str(capture), "-m", "program"],
        ["memray", "stats", "--json", "-n", "1000", "-o", str(stats), str(capture)],
    ):
        subprocess.run([sys.executable, "-m", *words], cwd=tmp_path, check=True, timeout=60)
    found = read_allocations(capture, stats)
    kept = {place.line: amount for place, amount in found.kept.items() if "program" in place.file}
    made = {place.line: amount for place, amount in found.made.items() if "program" in place.file}
    assert kept[7].size_bytes == pytest.approx(3_000_000, rel=0.01)
    assert made[6].size_bytes == pytest.approx(5_000_000, rel=0.05)
    assert made[6].count >= 1000
    assert 6 not in kept or kept[6].size_bytes < 20_000
    assert 9 not in made


@needs_memray
async def test_a_run_under_memray_tells_what_a_webhook_allocates(tmp_path: Path) -> None:
    small = {"load.stages": [[4, 150, 150]], "load.warm_up_s": 0.5, "endpoints.count": 2}
    scenario = load_scenario("smoke", changes={**small, "drain_s": 20})
    result, folder = await profile_scenario(scenario, Options(runs=tmp_path), memory=True)
    assert read_result(folder).files == result.files
    graph = result.files["flame-graph"]
    assert graph in (folder / "report.html").read_text()
    page = (folder / graph).read_text()
    assert "flamegraph report" in page
    assert "<script src=" not in page, "it needs no network"
    assert (folder / result.files["allocations"]).stat().st_size
    stages = _table(result.tables, "allocation-stages")
    per_webhook = sum(float(row[3] or 0) for row in stages.rows)
    assert per_webhook == pytest.approx(result.metrics["allocations_per_webhook"], rel=0.02)
    assert {"submission", "store", "sender"} <= {row[0] for row in stages.rows if row[1]}
    # Small objects, which Python allocates itself, are most of them.
    assert result.metrics["allocations_per_webhook"] > 300
    assert result.metrics["allocated_bytes_per_webhook"] > 5_000
    names = {str(row[1]).rpartition(":")[0]
             for row in _table(result.tables, "allocators-by-count").rows}  # fmt: skip
    assert any(name.startswith("sureshot/") for name in names)
    assert json.loads((folder / "result.json").read_text())["metrics"]["heap_added_at_peak_bytes"]


@needs_memray
async def test_several_processes_are_not_looked_into(tmp_path: Path) -> None:
    scenario = load_scenario("smoke", changes={"service.profile": "cluster"})
    with pytest.raises(LabError, match="leave it at embedded with --memory"):
        await profile_scenario(scenario, Options(runs=tmp_path), memory=True)
    assert not list(tmp_path.iterdir())


async def test_without_memray_one_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match="pip install memray"):
        await profile_scenario(load_scenario("smoke"), Options(runs=tmp_path), memory=True)
