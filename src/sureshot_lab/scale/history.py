"""A past for a database: finished webhooks with their attempts, made fast by SQL."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from sureshot_lab.errors import LabError
from sureshot_lab.sampler.queries import named_statements

BATCH = 500_000
"""Rows of one transaction."""
ENDPOINTS = 20
PAYLOAD_BYTES = 400
ANSWER_BYTES = 150
DAY_US = 86_400_000_000

SQL = named_statements(Path(__file__).with_name("history.sql"))


async def fill_postgres(url: str, rows: int) -> None:
    """Add *rows* finished webhooks of the last day, each with an attempt, and tidy up.

    The schema must be there, with the partitions of yesterday and today: a service that
    was started once has made both. 300,000 took 8 s on two quiet cores.

    Raises:
        LabError: the tables are not those this knows, or the server refuses.

    """
    try:
        connection = await asyncpg.connect(url, timeout=5, server_settings={"jit": "off"})
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise LabError(f"no database to fill: {error}") from None
    try:
        await connection.execute("SET statement_timeout = 0")
        day_ago_us = int(time.time() * 1e6) - DAY_US
        for first, last in _batches(rows):
            await connection.execute(
                SQL["postgres"], day_ago_us, rows, first, last, ENDPOINTS, PAYLOAD_BYTES,
                ANSWER_BYTES, timeout=None,
            )  # fmt: skip
        # Nothing is left over for the server to do later, beside what is measured.
        await connection.execute("VACUUM (ANALYZE) webhooks, attempts", timeout=None)
        with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CHECKPOINT", timeout=None)
    except asyncpg.PostgresError as error:
        raise LabError(f"the database cannot be filled: {error}") from None
    finally:
        await connection.close()


async def fill_sqlite(path: Path, rows: int) -> None:
    """Do the same to the file at *path*; no service may have it open.

    Raises:
        LabError: as ``fill_postgres``.

    """
    await asyncio.to_thread(_fill_sqlite, path, rows)


def _fill_sqlite(path: Path, rows: int) -> None:
    named = {
        "rows": rows, "day_ago_us": int(time.time() * 1e6) - DAY_US, "endpoints": ENDPOINTS,
        "payload_bytes": PAYLOAD_BYTES, "answer_bytes": ANSWER_BYTES,
    }  # fmt: skip
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for first, last in _batches(rows):
                with connection:
                    for statement in (SQL["sqlite_webhooks"], SQL["sqlite_attempts"]):
                        connection.execute(statement, {**named, "first": first, "last": last})
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise LabError(f"{path} cannot be filled: {error}") from None


def _batches(rows: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last number of each batch, from 1."""
    for first in range(1, rows + 1, BATCH):
        yield first, min(first + BATCH - 1, rows)
