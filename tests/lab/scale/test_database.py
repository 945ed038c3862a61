"""What history costs: told from results, and measured on real databases with a past."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from sureshot.domain.ids import parse_id
from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult, Sample, Verdict, read_result
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.own_service import OwnService, own_service
from sureshot_lab.scale.database import DatabaseScale, database_with_past
from sureshot_lab.scale.database_page import write_page
from sureshot_lab.scale.database_series import (
    CPU,
    DELIVERED,
    P99,
    Slowed,
    analyse,
    run_series,
    slope_of,
)
from sureshot_lab.scale.offered import counts_of
from sureshot_lab.scenario import Service
from tests.cli.command import HereRuns
from tests.lab.scale.results import result_with
from tests.support.servers import POSTGRES, fresh_database

NOISE = (0.0, 0.01, -0.01)


def _runs(per_tenfold: float, repeats: int = 3, sizes: int = 3) -> dict[int, list[RunResult]]:
    """Return runs whose CPU and p99 rise by a share for each tenfold past, and little noise."""
    return {
        1000 * 10**power: [
            result_with({
                CPU: 100 * (1 + per_tenfold * power + noise),
                P99: 0.01 * (1 + per_tenfold * power + noise),
                DELIVERED: 300 * (1 - per_tenfold * power + noise),
            })
            for noise in NOISE[:repeats]
        ]
        for power in range(sizes)
    }  # fmt: skip


def test_a_past_that_costs_is_told_with_its_slope() -> None:
    series = analyse(_runs(0.2), {})
    assert series.slowed is Slowed.YES
    assert "Yes: CPU +20.0 % for each tenfold past [+1" in series.verdict
    delivered = next(one for one in series.slopes if one.metric == DELIVERED)
    assert delivered.slowed is Slowed.YES
    assert delivered.shown.value == pytest.approx(-0.2, abs=0.02)


def test_a_past_that_costs_nothing_is_told_to_cost_less_than_what_matters() -> None:
    series = analyse(_runs(0.0), {})
    assert series.slowed is Slowed.NO
    assert "No, by less than 5 % for each tenfold past" in series.verdict


def test_too_few_runs_prove_nothing_whichever_way_they_point() -> None:
    for runs in (_runs(0.2, repeats=1), _runs(0.2, repeats=2, sizes=2)):
        slope = slope_of(runs, CPU)
        assert slope is not None
        assert slope.per_tenfold.value == pytest.approx(0.2, abs=0.02)
        assert not slope.per_tenfold.bounded
        assert analyse(runs, {}).slowed is Slowed.UNKNOWN
    assert slope_of(_runs(0.2, sizes=1), CPU) is None
    assert "Not told" in analyse(_runs(0.2, sizes=1), {}).verdict


def test_runs_that_are_invalid_count_for_nothing_and_are_named() -> None:
    runs = _runs(0.0)
    runs[1000].append(result_with({CPU: 9000.0, P99: 9.0, DELIVERED: 1.0}, verdict=Verdict.INVALID))
    series = analyse(runs, {})
    assert series.slowed is Slowed.NO
    assert "1,000 rows (turn 4) is INVALID: why" in series.remarks


def test_the_smallest_pool_that_is_enough_is_told() -> None:
    pools = {2: 0.05, 4: 0.0105, 8: 0.010}
    series = analyse({}, {n: [result_with({P99: p99})] for n, p99 in pools.items()})
    assert "a pool of 4 is enough" in series.remarks[0]
    assert "10.5 ms is within 10 % of the best, 10 ms" in series.remarks[0]


def test_a_server_that_others_use_is_told() -> None:
    sample = Sample(
        at_s=1.0, values={"postgres.connections": 9.0, "postgres.database_connections": 4.0}
    )
    remarks = " ".join(analyse({1000: [result_with({}, samples=[sample])]}, {}).remarks)
    assert "other databases of this server were in use" in remarks


def test_counts_are_read_in_rising_order_and_held_to_their_bounds() -> None:
    assert counts_of("--rows", "1000,10", 1, 1000) == [10, 1000]
    for wrong in ("0,1", "1,1", "a", "", "1001"):
        with pytest.raises(LabError, match="--rows"):
            counts_of("--rows", wrong, 1, 1000)


def test_a_profile_without_a_pool_refuses_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = HereRuns(tmp_path, monkeypatch, capsys)
    ran = lab("lab", "scale-database", "--profile", "embedded", "--pool", "2,4")
    assert ran.code == 3
    assert "SQLite has no connections to pool" in ran.err
    ran = lab("lab", "scale-database", "--profile", "cluster")
    assert ran.code == 3
    assert "must be postgres or embedded" in ran.err


def test_the_page_shows_runs_medians_and_the_answer(tmp_path: Path) -> None:
    page = write_page(tmp_path, analyse(_runs(0.2), {2: [result_with({P99: 0.01})]})).read_text()
    assert "Does the service slow down with its history? Yes" in page
    assert "Submission p99 by finished webhooks" in page
    assert "Submission p99 by connections" in page
    # One dot for each run: 3 sizes of 3 runs, logarithmic from 1,000 to 100,000.
    dots = next(part for part in page.split("<path") if 'data-name="runs"' in part)
    assert dots.count("h0") == 9
    assert "logarithmic" in page


@contextlib.asynccontextmanager
async def _service_with_past(profile: str, rows: int, folder: Path) -> AsyncIterator[OwnService]:
    async with database_with_past(profile, rows) as url:
        plan = Service(profile=profile, settings={"database_url": url})
        async with own_service(plan, folder) as service:
            yield service


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["embedded", "postgres"])
async def test_a_past_is_finished_webhooks_with_attempts_and_nothing_is_sent(
    profile: str, tmp_path: Path
) -> None:
    if profile == "postgres":
        async with fresh_database():
            pass  # It skips where there is no server.
    async with _service_with_past(profile, 1000, tmp_path) as service:
        seen: list[str] = []
        cursor = ""
        while True:
            path = f"/api/v1/webhooks?limit=200&status=delivered{cursor}"
            status, page = await service.client.call("GET", path)
            assert status == 200, page
            seen += [one["id"] for one in page["items"]]
            if not page.get("nextCursor"):
                break
            cursor = f"&cursor={page['nextCursor']}"
        assert len(set(seen)) == 1000
        assert all(parse_id(one) for one in seen)
        status, attempts = await service.client.call("GET", f"/api/v1/webhooks/{seen[0]}/attempts")
        assert status == 200, attempts
        assert attempts["items"][0]["statusCode"] == 200
        depth = await service.client.depth()
        assert depth["backlog"] == depth["inFlight"] == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_series_on_real_postgresql_is_kept_and_leaves_no_database(tmp_path: Path) -> None:
    async with fresh_database():
        pass
    driver = DatabaseScale(50.0, 3.0, Options(runs=tmp_path, engine="native"), "postgres")
    try:
        by_rows, by_pool = await run_series(driver, [1000, 10_000], [2], 1, tmp_path / "results")
        made = {url.rpartition("/")[2] for _stack, url in driver._made.values()}
        assert made <= await _databases()
        assert len(made) == 2
    finally:
        await driver.close()
    assert not made & await _databases()
    kept = read_result(tmp_path / "results" / "database-10000-1.json")
    assert kept.metrics["history_rows"] == 10_000
    assert kept.metrics["accepted"] == kept.metrics["delivered"] == 150
    assert kept.metrics["lost"] == 0
    # Each webhook with its attempt is a kilobyte; the filled ones are on the disk.
    small = by_rows[1000][0].metrics["database_size_max_bytes"]
    assert kept.metrics["database_size_max_bytes"] > small + 9000 * 700
    for part in ("service", "postgres"):
        assert kept.metrics[f"{part}_cpu_us_per_webhook"] > 0
    assert kept.metrics[CPU] == pytest.approx(
        kept.metrics["service_cpu_us_per_webhook"] + kept.metrics["postgres_cpu_us_per_webhook"]
    )
    pooled = read_result(tmp_path / "results" / "database-pool-2-1.json")
    assert pooled.conditions.service["settings"]["database_pool"] == 2
    # A pool of two, and the one connection that listens.
    assert 0 < pooled.metrics["database_connections_max"] <= 3
    assert "database_url" not in json.dumps(pooled.conditions.service)
    assert by_pool[2][0].id == pooled.id


async def _databases() -> set[str]:
    server = await asyncpg.connect(POSTGRES)
    try:
        found = await server.fetch(
            "SELECT datname FROM pg_database WHERE datname LIKE 'sureshot_lab_%'"
        )
    finally:
        await server.close()
    return {row["datname"] for row in found}
