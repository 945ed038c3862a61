"""The room a real SQLite database takes."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from sureshot_lab.sampler.sqlite_files import DatabaseFiles


async def test_database_and_log_are_measured(tmp_path: Path) -> None:
    path = tmp_path / "sureshot.db"
    source = DatabaseFiles(path)
    with pytest.raises(FileNotFoundError):
        await source.read()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = wal; CREATE TABLE t (x)").fetchall()
    before = await source.read()
    connection.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    written = await source.read()
    assert written["sqlite.wal_bytes"] - before["sqlite.wal_bytes"] > 950_000
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    settled = await source.read()
    assert settled["sqlite.wal_bytes"] == 0
    assert settled["sqlite.database_bytes"] > 1_000_000
    connection.close()
    assert (await source.read())["sqlite.wal_bytes"] == 0
