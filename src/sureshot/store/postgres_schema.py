"""The schema of the PostgreSQL store: numbered migrations, and a partition for each day."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TypeVar

import asyncpg

from sureshot.domain.errors import ConfigurationError
from sureshot.store.postgres_pool import ERRORS, Connection
from sureshot.store.queries import named_queries
from sureshot.store.rows import first_key
from sureshot.telemetry.logging import get_logger

SQL = named_queries("postgres.sql")

MIGRATION_LOCK = 0x53757265
PARTITION_LOCK = 0x53757266
DAYS_AHEAD = 2
"""Partitions are made this many days before they are needed."""
MIGRATION_LOCK_S = 60.0
"""How long a migration waits for another process's, or for a table."""
MIGRATION_STATEMENT_S = 600.0
BRIEF_LOCK_MS = 200
"""Who waits for a whole table holds up everybody behind it: no longer than this."""
BRIEF_TRIES = 5
BRIEF_PAUSE_S = 0.3
COUNTED = 10_000

T = TypeVar("T")

log = get_logger()


def migrations() -> list[tuple[int, str, str]]:
    """Return number, name and text of every migration, in order."""
    folder = resources.files("sureshot.store").joinpath("migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [(int(f.name[:4]), f.name, f.read_text(encoding="utf-8")) for f in files]


async def migrate(connection: Connection) -> list[str]:
    """Apply what is missing, all or nothing; return the names applied.

    An advisory lock keeps processes that start together from doing it twice.
    Raises ``ConfigurationError`` when it cannot be done.
    """
    try:
        async with connection.transaction():
            return await _migrate(connection)
    except ERRORS as error:
        reason = str(error) or type(error).__name__
        raise ConfigurationError(f"the database cannot be migrated: {reason}") from error


async def _migrate(connection: Connection) -> list[str]:
    async def execute(query: str, *values: object) -> None:
        # The pool's own patience ends long before a big table is rewritten.
        patience_s = MIGRATION_LOCK_S + MIGRATION_STATEMENT_S + 5
        await connection.execute(query, *values, timeout=patience_s)

    applied = []
    await execute(f"SET LOCAL lock_timeout = {round(1000 * MIGRATION_LOCK_S)}")
    await execute(f"SET LOCAL statement_timeout = {round(1000 * MIGRATION_STATEMENT_S)}")
    await execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
    await execute(
        "CREATE TABLE IF NOT EXISTS migrations ("
        "number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL)"
    )
    known = await _known(connection)
    for number, name, text in migrations():
        if number not in known:
            await execute(text)
            await execute("INSERT INTO migrations VALUES ($1, $2, clock_timestamp())", number, name)
            applied.append(name)
    return applied


async def check_version(connection: Connection) -> None:
    """Raise ``ConfigurationError`` when migrations are missing."""
    try:
        known = await _known(connection)
    except asyncpg.UndefinedTableError:
        known = set()
    missing = [name for number, name, _text in migrations() if number not in known]
    if missing:
        raise ConfigurationError(
            f"the database lacks {', '.join(missing)}: run `sureshot migrate`, or set "
            "SURESHOT_MIGRATE=true"
        )


async def _known(connection: Connection) -> set[int]:
    """Return the numbers of what is applied; say so when a newer version applied some."""
    names = dict(await connection.fetch("SELECT number, name FROM migrations"))
    newer = sorted(names.keys() - {number for number, _name, _text in migrations()})
    if newer:
        log.warning("schema.newer", migrations=[names[number] for number in newer])
    return set(names)


def midnight(at: datetime) -> datetime:
    """Return the start of the day of *at*, UTC."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


async def _briefly(connection: Connection, work: Callable[[], Awaitable[T]]) -> T | None:
    """Return what *work* returns in a transaction that never waits long for a lock.

    None when the tables were busy each time it was tried: it can be done later.
    """
    for attempt in range(BRIEF_TRIES):
        if attempt:
            await asyncio.sleep(BRIEF_PAUSE_S)
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {BRIEF_LOCK_MS}")
                return await work()
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            continue
    return None


async def ensure_partitions(connection: Connection, now: datetime) -> None:
    """Make the partitions of yesterday, today and the next days, unless they are there."""
    today = midnight(now)
    for offset in range(-1, DAYS_AHEAD + 1):
        day = today + timedelta(days=offset)
        await _ensure_partition(connection, day)


async def _ensure_partition(connection: Connection, day: datetime) -> None:
    suffix = f"{day:%Y%m%d}"
    low, high = first_key(day), first_key(day + timedelta(days=1))

    async def make() -> bool:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", PARTITION_LOCK)
        for table in ("webhooks", "attempts"):
            await connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table}_{suffix} PARTITION OF {table} "
                f"FOR VALUES FROM ({low}) TO ({high}) "
                "WITH (autovacuum_vacuum_scale_factor = 0.05, "
                "autovacuum_vacuum_insert_scale_factor = 0.2)"
            )
        return True

    if await connection.fetchval(f"SELECT to_regclass('webhooks_{suffix}')") is not None:
        return
    try:
        if await _briefly(connection, make) is None:
            log.warning("partition.busy", day=suffix)
    except asyncpg.CheckViolationError:
        # Rows of that day lie in the default partition already; there they stay.
        log.warning("partition.skipped", day=suffix)


async def drop_partitions_before(connection: Connection, before: datetime) -> tuple[int, datetime]:
    """Drop the days that ended before then and hold nothing unfinished.

    Return about how many webhooks went, and the instant before which rows may be
    deleted one by one: a day whose tables are busy now is dropped another time.
    """
    rows, by_row = 0, before
    for record in await connection.fetch(SQL["partitions"]):
        suffix = record["name"].removeprefix("webhooks_")
        day = datetime.strptime(suffix, "%Y%m%d").replace(tzinfo=UTC)
        if day + timedelta(days=1) > before:
            continue
        try:
            if await _is_needed(connection, suffix):
                continue
            count = max(record["rows"], await _count_some(connection, suffix))
        except asyncpg.UndefinedTableError:
            # Another housekeeper was faster.
            continue
        dropped = await _briefly(connection, functools.partial(_drop_day, connection, suffix))
        if dropped is None:
            by_row = min(by_row, day)
            log.warning("partition.busy", day=suffix)
        elif dropped:
            rows += count
            log.info("partition.dropped", day=suffix, webhooks=count)
    return rows, by_row


async def _count_some(connection: Connection, suffix: str) -> int:
    """Count a day's rows, up to a few: more than that the statistics tell."""
    some = f"SELECT FROM webhooks_{suffix} LIMIT {COUNTED}"
    return int(await connection.fetchval(f"SELECT count(*) FROM ({some}) counted"))  # noqa: S608


async def _is_needed(connection: Connection, suffix: str) -> bool:
    """Whether something of that day is unfinished; the two smallest indexes tell."""
    table = f"webhooks_{suffix}"
    return bool(
        await connection.fetchval(
            f"SELECT EXISTS (SELECT 1 FROM {table} WHERE lease_until IS NOT NULL)"  # noqa: S608
            f" OR EXISTS (SELECT 1 FROM {table} WHERE state < 2 AND lease_until IS NULL)"
        )
    )


async def _drop_day(connection: Connection, suffix: str) -> bool:
    """Drop one day, unless somebody else did, or a late writer needs it again."""
    # In the order writers lock: who began with the partition would wait for them
    # while they wait for it.
    for table in ("webhooks", "attempts"):
        await connection.execute(f"LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE")
    gone = await connection.fetchval(f"SELECT to_regclass('webhooks_{suffix}')") is None
    if gone or await _is_needed(connection, suffix):
        return False
    await connection.execute(f"DROP TABLE webhooks_{suffix}, attempts_{suffix}")
    return True
