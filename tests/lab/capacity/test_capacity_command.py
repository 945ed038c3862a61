"""``sureshot lab capacity`` as it is typed, on runs whose figures are known."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from sureshot_lab.result import Conditions, Phase, RunResult, Sample, Verdict, write_result
from tests.cli.command import HereRuns


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> HereRuns:
    return HereRuns(tmp_path, monkeypatch, capsys)


def _kept_run(folder: Path, name: str, rate: float, cores: float) -> str:
    """Write the run of a cluster that used so many cores at that rate; return its folder."""
    at = datetime(2026, 1, 2, tzinfo=UTC)
    conditions = Conditions(
        started_at=at, finished_at=at, scenario="smoke", size="full", engine="native",
        environment="local", target="own service", seed=1, revision="", lab_version="0",
        machine={}, service={"profile": "cluster"},
        options={"receivers": [{"share": 1.0, "delay_s": 0.08}]},
    )  # fmt: skip
    samples = [
        Sample(at_s=float(n), values={
            "service.cpu_s": cores * n, "metrics.in_flight": rate * 0.1,
            "metrics.processes": 3.0, "postgres.size_bytes": 1e6 + rate * n * 1500.0,
        })
        for n in range(11)
    ]  # fmt: skip
    metrics = {
        "accepted_per_s": rate, "delivered": rate * 10,
        "end_to_end_p95_s": 0.05, "database_connections_max": 15.0,
        "database_commits_per_webhook": 0.5, "database_wal_bytes_per_webhook": 4000.0,
        "service_rss_max_bytes": 7e7, "api_cpu_share_of_service": 0.4,
    }  # fmt: skip
    result = RunResult(
        id=name, scenario="smoke", title="", verdict=Verdict.PASS, reasons=[], gates=[],
        conditions=conditions, metrics=metrics, samples=samples,
        phases=[Phase(name="load", start_s=0.0, end_s=10.0)],
    )  # fmt: skip
    path = folder / "runs" / name
    path.mkdir(parents=True)
    write_result(path, result)
    return str(path)


def test_without_a_basis_there_is_no_plan(here: HereRuns) -> None:
    ran = here("lab", "capacity", "--rate", "50000/min")
    assert ran.code == 3
    assert "give runs with --from, or --measure" in ran.err


def test_a_plan_tells_each_factor_with_its_runs(here: HereRuns, tmp_path: Path) -> None:
    a = _kept_run(tmp_path, "run-a", 100.0, 0.2)
    b = _kept_run(tmp_path, "run-b", 300.0, 0.4)
    ran = here("lab", "capacity", "--rate", "500/s", "--from", a, "--from", b, "--json")
    assert ran.code == 0, ran.err
    told = msgspec.json.decode(ran.out)
    factors = {one["name"]: one for one in told["factors"]}
    assert factors["per_core_s"]["value"] == pytest.approx(375)
    assert factors["gain"]["value"] == pytest.approx(1.25)
    assert factors["per_core_s"]["source"] == "measured: run-a, run-b"
    assert factors["overhead_s"]["value"] == pytest.approx(0.02)
    assert factors["disk_bytes"]["value"] == pytest.approx(1500)
    needs = {one["what"]: one["value"] for one in told["needs"]}
    assert needs["CPU"] == pytest.approx(500 / 750)
    assert needs["in flight"] == pytest.approx(500 * 0.32)
    assert needs["p95 to delivered"] == pytest.approx(350)
    late = here(
        "lab", "capacity", "--rate", "500/s", "--p95", "340ms", "--from", a, "--from", b
    )  # fmt: skip
    assert late.code == 1
    assert "p95 is NOT kept" in late.out
    assert "measured: run-a, run-b" in late.out


def test_a_check_tells_the_error_of_a_prediction(here: HereRuns, tmp_path: Path) -> None:
    a = _kept_run(tmp_path, "run-a", 100.0, 0.2)
    b = _kept_run(tmp_path, "run-b", 300.0, 0.4)
    c = _kept_run(tmp_path, "run-c", 200.0, 0.32 / 1.2)
    ran = here("lab", "capacity", "--from", a, "--from", b, "--from", c, "--check", c)
    assert ran.code == 0, ran.err
    assert "+20.0 %" in ran.out
