"""The small disk the laboratory gives PostgreSQL: it fills up, and grows again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.runs.backing import fresh_backing
from sureshot_lab.runs.ground import Disk, open_folder, small_disk

SIZE_BYTES = 24 << 20
ROW = "x" * 1000


@pytest.fixture
async def database() -> AsyncIterator[tuple[asyncpg.Connection, Disk]]:
    """Return a connection to a database on a small disk."""
    try:
        with open_folder() as folder, small_disk(folder, SIZE_BYTES) as disk:
            assert disk is not None
            async with fresh_backing("postgres", "", disk.folder) as backing:
                assert backing is not None
                connection = await asyncpg.connect(backing.database_url)
                yield connection, disk
                await connection.close()
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


async def test_its_tables_fill_the_small_disk_and_have_room_when_it_grows(
    database: tuple[asyncpg.Connection, Disk],
) -> None:
    connection, disk = database
    await connection.execute("CREATE UNLOGGED TABLE kept (what text)")
    before = await _fill(connection)
    assert 1000 < before < SIZE_BYTES / len(ROW)
    disk.grow(2)
    assert await _fill(connection) > before


async def test_nothing_of_it_is_left_in_the_server() -> None:
    try:
        with open_folder() as folder, small_disk(folder, SIZE_BYTES) as disk:
            assert disk is not None
            async with fresh_backing("postgres", "", disk.folder) as backing:
                assert backing is not None
                name = backing.database_url.rpartition("/")[2]
                server = backing.database_url.rpartition("/")[0] + "/postgres"
    except LabError as error:
        pytest.skip(str(error))
    connection = await asyncpg.connect(server)
    for catalogue, column in (("pg_tablespace", "spcname"), ("pg_database", "datname")):
        asked = f"SELECT count(*) FROM {catalogue} WHERE {column} = $1"
        assert await connection.fetchval(asked, name) == 0
    await connection.close()
    assert not folder.exists()
