"""The file of the embedded profile: taken by one process, as a lock proves, and got ready."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

import apsw

from sureshot.domain.errors import ConfigurationError
from sureshot.store.queries import read_sql
from sureshot.store.sqlite_rows import SQL


def take_file(path: Path, owner: str) -> IO[str]:
    """Return the lock; raises ``ConfigurationError`` when another process has it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot use {path}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        holder = lock.read().strip() or "another process"
        lock.close()
        raise ConfigurationError(
            f"{path} is in use by {holder}; one process owns a SQLite file. "
            "Stop it first, or give this one another SURESHOT_DATABASE_URL"
        ) from error
    lock.truncate(0)
    lock.write(f"process {os.getpid()} ({owner})")
    lock.flush()
    return lock


def prepare(connection: apsw.Connection) -> None:
    """Make the tables, and void all leases: whoever held them is gone."""
    connection.execute(read_sql("sqlite_schema.sql"))
    connection.execute(SQL["void_all"])
    # A full lane was the memory of the process that is gone.
    connection.execute(SQL["open_full"])
