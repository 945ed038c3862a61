"""What held the service's event loop is named in the report of its profile."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.profiling.profile_run import profile_scenario
from sureshot_lab.profiling.slow_callbacks import by_callback, read_held, slow_table
from sureshot_lab.runs.options import Options
from sureshot_lab.scenario import load_scenario
from tests.lab.profiling.blocking_service import SLEEPS_S

ROOT = Path(__file__).parents[3]
HAS_SPY = Path(sys.executable).with_name("py-spy").exists() or shutil.which("py-spy")


def _line(second: int, callback: str, held_s: float, event: str = "loop.held") -> str:
    at = datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC).isoformat()
    return json.dumps({
        "event": event, "level": "warning", "timestamp": at, "callback": callback,
        "where": "/x/src/sureshot/a.py:7", "at": "fsync /x/src/sureshot/b.py:9",
        "held_s": held_s, "cpu_s": 0.001,
    })  # fmt: skip


def test_of_the_log_only_what_held_the_loop_since_then_counts(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    log.write_text("\n".join([
        "  it is ready; loop.held is no event here", _line(1, "early", 9.0), _line(5, "b", 0.03),
        _line(6, "a", 0.05), _line(7, "b", 0.04), _line(8, "c", 0.9, event="not loop.held"),
        _line(8, "killed while it wrote", 0.9)[:-9],
    ]))  # fmt: skip
    held = read_held(log, datetime(2026, 1, 1, 12, 0, 2, tzinfo=UTC).timestamp())
    assert [(one.longest.callback, one.times) for one in by_callback(held)] == [("a", 1), ("b", 2)]
    assert slow_table(held, 0.02).rows[1] == [
        "b", "sureshot/a.py:7", 2, 0.04, 0.001, 0.07, "fsync sureshot/b.py:9",
    ]  # fmt: skip


def test_where_nothing_held_it_the_table_says_so() -> None:
    assert slow_table([], 0.02).title.endswith("20 ms or longer: none")


def test_a_log_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableResult, match=r"service\.log cannot be read"):
        read_held(tmp_path / "service.log", 0.0)


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.skipif(not HAS_SPY, reason="py-spy is not installed")
async def test_a_callback_that_sleeps_is_named_and_the_loop_is_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    small = {"load.stages": [[4, 100, 100]], "load.warm_up_s": 0.5, "endpoints.count": 2}
    blocking = Options(runs=tmp_path, under=("-m", "tests.lab.profiling.blocking_service"))
    result, folder = await profile_scenario(load_scenario("smoke", changes=small), blocking)
    table = next(one for one in result.tables if one.name == "slow-callbacks")
    row = next(row for row in table.rows if row[0] == "hog")
    longest_s, on_cpu_s = float(row[3] or 0), float(row[4] or 0)
    assert int(row[2] or 0) >= 5
    assert longest_s == pytest.approx(SLEEPS_S, rel=0.6)
    assert on_cpu_s < SLEEPS_S / 2
    assert "hog" in str(row[6])
    assert any("hog" in one.what and "it waited" in one.recommendation for one in result.findings)
    assert result.metrics["event_loop_lag_p99_s"] > SLEEPS_S / 4
    assert "Event loop lag" in (folder / "report.html").read_text()
