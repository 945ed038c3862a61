"""What is done to a real PostgreSQL is what the sampler tells of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from sureshot_lab.sampler.postgres import Postgres
from sureshot_lab.sampler.sampler import Sampler
from sureshot_lab.sampler.statements import Statement, StatementsUnavailable, statements_between
from tests.support.own_servers import OwnPostgres
from tests.support.servers import fresh_database

on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


@pytest.fixture
async def database() -> AsyncIterator[str]:
    async with fresh_database() as url:
        yield url


async def execute(url: str, *statements: str) -> None:
    """Run *statements*, each its own transaction; counts are flushed as the connection ends."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def until(source: Postgres, name: str, accept: Callable[[float], bool]) -> dict[str, float]:
    """Read until *name* has an accepted value."""
    async with asyncio.timeout(10):
        while True:
            values = await source.read()
            if name in values and accept(values[name]):
                return values
            await asyncio.sleep(0.1)


@on_postgres
async def test_rows_commits_and_log_are_counted(database: str) -> None:
    await execute(database, "CREATE TABLE things (id int, text text)")
    await asyncio.sleep(0.5)
    source = Postgres(database, storage_every_s=0.1)
    first, began_s = await source.read(), time.monotonic()
    await execute(
        database,
        "INSERT INTO things SELECT n, repeat('x', 100) FROM generate_series(1, 5000) AS n",
        "UPDATE things SET text = 'y' WHERE id <= 1000",
        "DELETE FROM things WHERE id > 4500",
        "BEGIN; ROLLBACK",
        *["SELECT 1"] * 50,
    )
    await asyncio.sleep(2)
    last, elapsed_s = await source.read(), time.monotonic() - began_s
    await source.close()
    assert not [name for name in first if name.endswith("_per_s")]

    def count(name: str) -> float:
        return last[f"postgres.{name}_per_s"] * elapsed_s

    assert count("rows_inserted") == pytest.approx(5000, rel=0.1)
    assert count("rows_updated") == pytest.approx(1000, rel=0.1)
    assert count("rows_deleted") == pytest.approx(500, rel=0.1)
    assert 50 <= count("commits") < 70
    assert count("rollbacks") == pytest.approx(1, rel=0.1)
    assert count("wal_bytes") > 5000 * 100
    assert count("wal_syncs") > 0
    assert last["postgres.size_bytes"] - first["postgres.size_bytes"] > 5000 * 100
    assert last["postgres.live_rows"] == 4500
    # A page that is full may be tidied up at once.
    assert last["postgres.dead_rows"] == pytest.approx(1500, rel=0.05)
    assert 0 < last["postgres.cache_hit_share"] <= 1


@on_postgres
async def test_connections_and_waiting_are_seen(database: str) -> None:
    source = Postgres(database)
    alone = await source.read()
    assert alone["postgres.database_connections"] == 0
    await execute(database, "CREATE TABLE things (id int)")
    one, other, third = [await asyncpg.connect(database) for _ in range(3)]
    holding = one.transaction()
    await holding.start()
    await one.execute("LOCK TABLE things")
    waiting = asyncio.create_task(other.fetchval("SELECT count(*) FROM things"))
    values = await until(source, "postgres.locks_waiting", lambda waits: waits == 1)
    assert values["postgres.database_connections"] == 3
    assert values["postgres.connections"] >= 3
    assert values["postgres.active_connections"] == 1
    await holding.rollback()
    await waiting
    for connection in (one, other, third):
        await connection.close()
    await until(source, "postgres.database_connections", lambda count: count == 0)
    await source.close()


@on_postgres
async def test_vacuums_and_checkpoints_are_counted_from_the_start(database: str) -> None:
    await execute(database, "CREATE TABLE things (id int)", "VACUUM things")
    await asyncio.sleep(0.2)
    source = Postgres(database, storage_every_s=0.01)
    first = await source.read()
    assert first["postgres.vacuums"] == first["postgres.checkpoints"] == 0
    assert first["postgres.deadlocks"] == 0
    await execute(database, "VACUUM things", "CHECKPOINT")
    await until(source, "postgres.checkpoints", lambda count: count >= 1)
    await until(source, "postgres.vacuums", lambda count: count == 1)
    await source.close()


@on_postgres
async def test_a_broken_connection_comes_back(database: str) -> None:
    sampler = Sampler([Postgres(database)], every_s=0.2)
    await sampler.start()
    await execute(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'sureshot-lab'",
    )
    await asyncio.sleep(0.7)
    samples = await sampler.stop()
    (problem,) = sampler.problems
    assert problem.startswith("postgres: failed 1 of")
    assert "postgres.connections" in samples[-1].values


@pytest.mark.parametrize("kind", ["postgres"])
async def test_the_dearest_statements_of_a_run_are_told(kind: str) -> None:
    server = OwnPostgres()
    await server.start()
    try:
        source = Postgres(server.url)
        await source.read()
        with pytest.raises(StatementsUnavailable, match="shared_preload_libraries = 'pg_stat"):
            await source.top_statements()
        await source.close()
        await execute(server.url, "ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements")
        await server.kill()
        await server.start()
        await _statements_of_a_run(server.url, execute)
    finally:
        await server.remove()


async def _statements_of_a_run(url: str, run: Callable[..., Awaitable[None]]) -> None:
    source = Postgres(url)
    await run(url, "CREATE EXTENSION pg_stat_statements", "SELECT 'before' || 1")
    await source.read()
    await run(
        url, *["SELECT pg_sleep(0.01)"] * 20, "SELECT 'before' || 2", "CREATE TABLE t (x int)"
    )
    await source.read()
    found = {one.query: one for one in await source.top_statements()}
    await source.close()
    assert next(iter(found)) == "SELECT pg_sleep($1)"
    slept = found["SELECT pg_sleep($1)"]
    assert slept.calls == slept.rows == 20
    assert slept.total_s == pytest.approx(0.25, abs=0.06)
    assert slept.mean_s == pytest.approx(slept.total_s / 20)
    assert found["SELECT $1 || $2"].calls == 1
    assert found["CREATE TABLE t (x int)"].wal_bytes > 0
    assert not [query for query in found if "pg_stat_activity" in query]
    assert len(await source.top_statements(1)) == 1
    await source.close()


def test_statements_are_those_of_the_run_alone() -> None:
    def counted(calls: float, total_s: float) -> Statement:
        return Statement("SELECT", calls, total_s, rows=calls, wal_bytes=0.0)

    before = {1: counted(10, 5.0), 2: counted(4, 1.0), 3: counted(9, 9.0)}
    after = {1: counted(12, 6.0), 2: counted(4, 1.0), 3: counted(3, 2.0), 4: counted(1, 0.5)}
    # 2 was not called; 3 was reset in between, so that all of it is new.
    assert statements_between(before, after, 10) == [
        counted(3, 2.0), counted(2, 1.0), counted(1, 0.5),
    ]  # fmt: skip
    assert statements_between(before, after, 1) == [counted(3, 2.0)]
