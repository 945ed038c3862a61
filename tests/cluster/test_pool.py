"""The pool of connections: busy is not away, and what people ask for never takes all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from sureshot.domain.errors import StoreUnavailable
from sureshot.store import postgres_pool
from sureshot.store.postgres import PostgresStore
from sureshot.store.postgres_pool import COMMAND_TIMEOUT_S, SESSION, Database
from tests.support.cluster import SECRET_KEY
from tests.support.http import call
from tests.support.own_servers import free_port
from tests.support.servers import fresh_database
from tests.support.service import running_service


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with fresh_database() as url:
        made = Database(url, 4, "test")
        await made.open()
        yield made
        await made.close()


async def _sleep(database: Database, seconds: float, *, aside: bool = False) -> None:
    async with database.connection(aside=aside) as connection:
        await connection.fetchval("SELECT pg_sleep($1)", seconds)


async def test_what_people_ask_for_leaves_half_of_the_connections_to_the_line(
    database: Database,
) -> None:
    slow = [asyncio.create_task(_sleep(database, 10.0, aside=True)) for _ in range(12)]
    await asyncio.sleep(0.1)
    for _ in range(10):
        await _sleep(database, 0.0)
    assert not any(task.done() for task in slow), "nobody had to wait for one of them"
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


@pytest.mark.parametrize("aside", [True, False], ids=["half", "all"])
async def test_a_process_whose_connections_are_busy_is_ready(
    tmp_path: Path, *, aside: bool
) -> None:
    async with (
        fresh_database() as url,
        running_service(tmp_path, database_url=url, secret_key=SECRET_KEY) as service,
    ):
        assert isinstance(service.store, PostgresStore)
        database = service.store._database
        busy = [asyncio.create_task(_sleep(database, 3.0, aside=aside)) for _ in range(8)]
        await asyncio.sleep(0.2)
        async with asyncio.timeout(1):
            assert (await call(service.url, "GET", "/readyz", token=None)).status == 200
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        assert (await call(service.url, "GET", "/readyz", token=None)).status == 200
        with pytest.MonkeyPatch.context() as away:
            away.setattr(database, "_probe", asyncio.create_task(asyncio.sleep(0)))
            assert (await call(service.url, "GET", "/readyz", token=None)).status == 503


async def test_a_pool_that_is_in_use_is_not_taken_for_a_dead_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "TURN_TIMEOUT_S", 0.1, raising=False)
    monkeypatch.setattr(postgres_pool, "CONNECT_TIMEOUT_S", 0.5)
    slow = [asyncio.create_task(_sleep(database, 0.9)) for _ in range(4)]
    await asyncio.sleep(0.05)
    with pytest.raises(StoreUnavailable, match="in use"):
        await _sleep(database, 0.0)
    await asyncio.gather(*slow)
    await _sleep(database, 0.0)


async def test_with_all_connections_in_use_a_database_that_is_away_is_still_noticed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "TURN_TIMEOUT_S", 0.1)
    slow = [asyncio.create_task(_sleep(database, 5.0)) for _ in range(4)]
    await asyncio.sleep(0.05)
    monkeypatch.setattr(database, "_url", f"postgresql://postgres@127.0.0.1:{free_port()}/x")
    with pytest.raises(StoreUnavailable, match="in use"):
        await _sleep(database, 0.0)
    async with asyncio.timeout(1):
        ended = await asyncio.gather(*slow, return_exceptions=True)
    assert {type(one) for one in ended} == {StoreUnavailable}


async def test_who_waits_for_a_database_that_is_away_is_told_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is silent, not closed: a frozen machine, or a network that swallows everything."""
    monkeypatch.setattr(postgres_pool, "DOUBT_AFTER_S", 0.2, raising=False)
    monkeypatch.setattr(database, "_url", f"postgresql://postgres@127.0.0.1:{free_port()}/x")
    async with asyncio.timeout(1):
        with pytest.raises(StoreUnavailable):
            await _sleep(database, 3.0)


async def test_who_is_told_to_end_ends_although_the_connection_broke(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_args: object, **_named: object) -> None:
        raise TimeoutError

    running = asyncio.create_task(_sleep(database, 3.0))
    await asyncio.sleep(0.1)
    with monkeypatch.context() as broken:
        broken.setattr(asyncpg.pool.Pool, "release", fails)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_the_server_gives_up_a_statement_before_the_client_gives_up_the_server() -> None:
    server_s = sum(float(SESSION[name].removesuffix("s")) for name in
                   ("lock_timeout", "statement_timeout"))  # fmt: skip
    assert server_s < COMMAND_TIMEOUT_S


async def test_a_statement_that_takes_too_long_or_is_wrong_fails_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_long() -> None:
        async with database.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 100")
            await connection.fetchval("SELECT pg_sleep(3)")

    async def wrong() -> None:
        async with database.connection() as connection:
            await connection.fetchval("SELECT $1::integer", "no number")

    async def lost() -> None:
        async with database.connection() as connection:
            await connection.close()
            await connection.fetchval("SELECT 1")

    for fails in (too_long, wrong, lost):
        with pytest.raises(StoreUnavailable):
            await fails()
        await _sleep(database, 0.0)


async def test_a_server_that_ends_its_connections_is_away_for_a_moment(
    database: Database,
) -> None:
    slow = asyncio.create_task(_sleep(database, 5.0))
    await asyncio.sleep(0.1)
    other = await asyncpg.connect(database._url)
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test'"
    )
    await other.close()
    with pytest.raises(StoreUnavailable):
        await slow
    async with asyncio.timeout(3):
        while True:
            try:
                await _sleep(database, 0.0)
            except StoreUnavailable:
                await asyncio.sleep(0.05)
            else:
                break
