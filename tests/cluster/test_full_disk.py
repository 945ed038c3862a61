"""The small disk the laboratory gives PostgreSQL: it fills up, and grows again."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.runs.backing import fresh_backing
from sureshot_lab.runs.ground import Disk, open_folder, small_disk

SIZE_BYTES = 24 << 20
ROW = "x" * 1000


@contextlib.asynccontextmanager
async def _small_database() -> AsyncIterator[tuple[str, Disk]]:
    """Yield the url of a database on a small disk; skip where that cannot be had."""
    try:
        with open_folder() as folder, small_disk(folder, SIZE_BYTES) as disk:
            async with fresh_backing("postgres", "", disk.folder) as backing:
                assert backing is not None
                yield backing.database_url, disk
    except LabError as error:
        pytest.skip(str(error))


async def _fill(connection: asyncpg.Connection) -> int:
    """Insert a row of 1 kB after the other until the database refuses; return how many."""
    for count in range(100_000):
        try:
            await connection.execute("INSERT INTO kept VALUES ($1)", ROW)
        except asyncpg.DiskFullError:
            return count
    raise AssertionError("it is never full")


@pytest.mark.slow
async def test_its_tables_fill_the_small_disk_and_have_room_when_it_grows() -> None:
    async with _small_database() as (url, disk):
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE UNLOGGED TABLE kept (what text)")
        before = await _fill(connection)
        assert 1000 < before < SIZE_BYTES / len(ROW)
        disk.grow(2)
        assert await _fill(connection) > before
        await connection.close()


async def test_nothing_of_it_is_left_in_the_server() -> None:
    async with _small_database() as (url, disk):
        server, _, name = url.rpartition("/")
    connection = await asyncpg.connect(f"{server}/postgres")
    for catalogue, column in (("pg_tablespace", "spcname"), ("pg_database", "datname")):
        asked = f"SELECT count(*) FROM {catalogue} WHERE {column} = $1"
        assert await connection.fetchval(asked, name) == 0
    await connection.close()
    assert not disk.folder.exists()
