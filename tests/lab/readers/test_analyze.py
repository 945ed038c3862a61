"""The two commands that analyse results: what they print and how they end."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sureshot_lab.readers.analyze import main
from sureshot_lab.result import Conditions, Gate, RunResult, Verdict, write_result
from tests.lab.k6.running import ROOT
from tests.lab.readers.conftest import OneRun

Captured = pytest.CaptureFixture[str]


def test_a_good_run_passes_and_says_what_it_does_not_show(
    good_run: OneRun, capsys: Captured
) -> None:
    assert main([str(good_run.file("summary.json"))]) == 0
    told = capsys.readouterr().out
    assert f"Requests       {good_run.requests}" in told
    assert "Success rate   100.000%" in told
    assert "met           API request latency (p99)" in told
    assert "not offered   Throughput" in told
    assert "not measured  Queue latency (p99)" in told
    assert "MISSED" not in told


@pytest.mark.parametrize("ending", ["csv", "ndjson.gz", "export.json", "summary.json"])
def test_failures_miss_the_target_in_every_shape(
    ending: str, bad_run: OneRun, capsys: Captured
) -> None:
    assert main([str(bad_run.file(ending))]) == 1
    told = capsys.readouterr().out
    assert "MISSED        Success rate" in told
    assert "Success rate: count the failures by status" in told


def summary(requests: int, **more: Any) -> dict[str, Any]:
    """Return an export of one second a request, as k6 writes it, with *more* metrics."""
    return {
        "metrics": {
            "http_reqs": {"count": requests, "rate": requests / 60},
            "http_req_failed": {"passes": 0, "fails": requests, "value": 0},
            "http_req_duration": {"avg": 5, "med": 4, "p(90)": 6, "p(95)": 7, "p(99)": 9, "max": 9},
            **more,
        }
    }


def written(folder: Path, name: str, content: dict[str, Any]) -> str:
    (folder / name).write_text(json.dumps(content))
    return str(folder / name)


def test_the_promised_rate_is_met_when_it_was_reached(tmp_path: Path, capsys: Captured) -> None:
    assert main([written(tmp_path, "a.json", summary(10_020))]) == 0
    assert "met           Throughput                          10020/min" in capsys.readouterr().out


def test_a_rate_that_failed_under_load_is_missed(tmp_path: Path, capsys: Captured) -> None:
    dropped = {"count": 3000, "rate": 50}
    file = written(tmp_path, "a.json", summary(8000, dropped_iterations=dropped))
    assert main([file]) == 1
    told = capsys.readouterr().out
    assert "MISSED        Throughput" in told
    assert "3000 arrivals were dropped" in told


def test_dropped_arrivals_fail_a_run_that_looks_well(tmp_path: Path, capsys: Captured) -> None:
    dropped = {"count": 5, "rate": 0.1}
    assert main([written(tmp_path, "a.json", summary(10_020, dropped_iterations=dropped))]) == 1
    told = capsys.readouterr().out
    assert "MISSED" not in told
    assert "the latencies are better than the truth" in told


def test_a_slow_api_is_missed_by_its_p99(tmp_path: Path, capsys: Captured) -> None:
    slow = {"avg": 20, "med": 4, "p(90)": 60, "p(95)": 90, "p(99)": 140, "max": 300}
    assert main([written(tmp_path, "a.json", summary(600, http_req_duration=slow))]) == 1
    assert "MISSED        API request latency (p99)           140.00 ms" in capsys.readouterr().out


def test_a_crossed_threshold_alone_fails_the_run(tmp_path: Path) -> None:
    crossed = {"passes": 9, "fails": 1, "value": 0.9, "thresholds": {"rate>0.99": True}}
    assert main([written(tmp_path, "a.json", summary(600, checks=crossed))]) == 1
    held = {**crossed, "thresholds": {"rate>0.5": False}}
    assert main([written(tmp_path, "b.json", summary(600, checks=held))]) == 0


def test_one_unreadable_file_does_not_hide_the_others(
    tmp_path: Path, good_run: OneRun, capsys: Captured
) -> None:
    assert main([str(tmp_path / "none.json"), str(good_run.file("csv"))]) == 3
    told = capsys.readouterr()
    assert "none.json does not exist" in told.err
    assert "Performance test report: run" in told.out


@pytest.mark.parametrize("arguments", [[], ["--scaling"], ["--nonsense", "x"]])
def test_wrong_usage_ends_with_3(arguments: list[str], capsys: Captured) -> None:
    assert main(arguments) == 3
    assert "usage:" in capsys.readouterr().err


def scaled(folder: Path, **rates: int) -> list[str]:
    """Return a file for each scale, such as ``x3=900`` requests in a minute."""
    return [
        written(folder, f"scale-{name[1:]}x.json", summary(count)) for name, count in rates.items()
    ]


def test_scales_are_sorted_as_numbers(tmp_path: Path, capsys: Captured) -> None:
    files = scaled(tmp_path, x10=54_000, x1=6000, x5=28_500, x3=18_000)
    assert main(["--scaling", *files]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = [row for row in rows if row and row[0].endswith("x")]
    assert [row[:4] for row in rows] == [
        ["1x", "100.0", "1.00", "100.0%"],
        ["3x", "300.0", "3.00", "100.0%"],
        ["5x", "475.0", "4.75", "95.0%"],
        ["10x", "900.0", "9.00", "90.0%"],
    ]


def test_the_same_load_everywhere_shows_no_scaling(tmp_path: Path, capsys: Captured) -> None:
    main(["--scaling", *scaled(tmp_path, x1=6000, x3=6010, x5=5990)])
    assert "these runs show nothing of scaling" in capsys.readouterr().out


def test_a_step_with_failures_is_at_its_limit(tmp_path: Path, capsys: Captured) -> None:
    files = scaled(tmp_path, x1=6000)
    failing = summary(18_000, http_req_failed={"passes": 3000, "fails": 15_000, "value": 0.17})
    files.append(written(tmp_path, "scale-3x.json", failing))
    assert main(["--scaling", *files]) == 1
    told = capsys.readouterr().out
    assert "2.50       83.3%" in told, "failures are no throughput"
    assert "At 3x requests failed or were dropped" in told
    assert "Success rate is 83.333 %, not > 99.900 %" in told


def test_a_file_that_does_not_tell_its_scale_is_refused(tmp_path: Path, capsys: Captured) -> None:
    assert main(["--scaling", written(tmp_path, "result.json", summary(600))]) == 3
    assert "call it scale-3x.json" in capsys.readouterr().err


def test_two_runs_of_one_scale_are_both_shown(tmp_path: Path, capsys: Captured) -> None:
    files = scaled(tmp_path, x1=6000)
    (tmp_path / "again").mkdir()
    shutil.copy(files[0], tmp_path / "again")
    assert main(["--scaling", *files, str(tmp_path / "again" / "scale-1x.json")]) == 0
    assert capsys.readouterr().out.count("\n1x ") == 2


def own_result(folder: Path, verdict: Verdict, **metrics: float) -> Path:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    conditions = Conditions(
        started_at=now, finished_at=now.replace(minute=1), scenario="target", size="full",
        engine="own", environment="local", target="http://127.0.0.1", seed=1, revision="",
        lab_version="0", machine={},
    )  # fmt: skip
    gate = Gate(
        name="api-latency", metric="submission_p99_s", comparison="<", limit=0.1, passed=True
    )
    result = RunResult(
        id="a", scenario="target", title="Target", verdict=verdict, reasons=["why"], gates=[gate],
        conditions=conditions, metrics=metrics,
    )  # fmt: skip
    folder.mkdir()
    write_result(folder, result)
    return folder


def test_our_own_result_is_read_from_its_folder(tmp_path: Path, capsys: Captured) -> None:
    metrics = {"requests": 600.0, "failed_requests": 0.0, "submission_p99_s": 0.02}
    folder = own_result(tmp_path / "run-1", Verdict.PASS, **metrics)
    assert main([str(folder)]) == 0
    told = capsys.readouterr().out
    assert "Performance test report: run-1" in told
    assert "Rate           10.0/s" in told
    assert "met           API request latency (p99)            20.00 ms" in told
    assert "Throughput" not in told, "not held to what its scenario does not claim"


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INVALID])
def test_a_result_that_did_not_pass_fails_here_too(verdict: Verdict, tmp_path: Path) -> None:
    folder = own_result(tmp_path / "run-1", verdict, requests=600.0)
    assert main([str(folder)]) == 1


@pytest.mark.parametrize("script", ["analyze_performance.py", "analyze_scaling.py"])
def test_the_scripts_are_these_commands(script: str, tmp_path: Path) -> None:
    files = scaled(tmp_path, x1=6000, x3=18_000)
    command = [sys.executable, str(ROOT / "scripts" / script), *files]
    env = {"PYTHONPATH": str(ROOT / "src")}
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, env=env, check=True)
    expected = "Horizontal scaling" if "scaling" in script else "Performance test report: scale-1x"
    assert told.stdout.startswith(expected)
    wrong = subprocess.run(
        [*command[:2], "/nowhere"], capture_output=True, timeout=30, env=env, check=False
    )
    assert wrong.returncode == 3
