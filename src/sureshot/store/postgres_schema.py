"""The schema of the PostgreSQL store: numbered migrations, and a partition for each day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources

import asyncpg

from sureshot.domain.errors import ConfigurationError
from sureshot.store.postgres_pool import Connection
from sureshot.store.queries import named_queries
from sureshot.store.rows import to_us
from sureshot.telemetry.logging import get_logger

SQL = named_queries("postgres.sql")

MIGRATION_LOCK = 0x53757265
PARTITION_LOCK = 0x53757266
DAYS_AHEAD = 2
"""Partitions are made this many days before they are needed."""

log = get_logger()


def migrations() -> list[tuple[int, str, str]]:
    """Return number, name and text of every migration, in order."""
    folder = resources.files("sureshot.store").joinpath("migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [(int(f.name[:4]), f.name, f.read_text(encoding="utf-8")) for f in files]


async def migrate(connection: Connection) -> list[str]:
    """Apply what is missing, each in a transaction; return the names applied.

    An advisory lock keeps processes that start together from doing it twice.
    """
    applied = []
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '60s'")
        await connection.execute("SET LOCAL statement_timeout = '600s'")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations ("
            "number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL)"
        )
        known = {row[0] for row in await connection.fetch("SELECT number FROM migrations")}
        for number, name, text in migrations():
            if number not in known:
                await connection.execute(text)
                await connection.execute(
                    "INSERT INTO migrations VALUES ($1, $2, clock_timestamp())", number, name
                )
                applied.append(name)
    return applied


async def check_version(connection: Connection) -> None:
    """Raise ``ConfigurationError`` when migrations are missing."""
    try:
        known = {row[0] for row in await connection.fetch("SELECT number FROM migrations")}
    except asyncpg.UndefinedTableError:
        known = set()
    missing = [name for number, name, _text in migrations() if number not in known]
    if missing:
        raise ConfigurationError(
            f"the database lacks {', '.join(missing)}: run `sureshot migrate`, or set "
            "SURESHOT_MIGRATE=true"
        )


def first_key(at: datetime) -> int:
    """Return the lowest key an id made at *at* can have."""
    return (to_us(at) // 1000) << 12


def midnight(at: datetime) -> datetime:
    """Return the start of the day of *at*, UTC."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


async def ensure_partitions(connection: Connection, now: datetime) -> None:
    """Make the partitions of yesterday, today and the next days, unless they are there."""
    today = midnight(now)
    for offset in range(-1, DAYS_AHEAD + 1):
        day = today + timedelta(days=offset)
        await _ensure_partition(connection, day)


async def _ensure_partition(connection: Connection, day: datetime) -> None:
    suffix = f"{day:%Y%m%d}"
    low, high = first_key(day), first_key(day + timedelta(days=1))
    if await connection.fetchval(f"SELECT to_regclass('webhooks_{suffix}')") is not None:
        return
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", PARTITION_LOCK)
            for table in ("webhooks", "attempts"):
                await connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {table}_{suffix} PARTITION OF {table} "
                    f"FOR VALUES FROM ({low}) TO ({high}) "
                    "WITH (autovacuum_vacuum_scale_factor = 0.05, "
                    "autovacuum_vacuum_insert_scale_factor = 0.2)"
                )
    except asyncpg.CheckViolationError:
        # Rows of that day lie in the default partition already; there they stay.
        log.warning("partition.skipped", day=suffix)


async def drop_partitions_before(connection: Connection, before: datetime) -> int:
    """Drop the days that ended before then and hold nothing unfinished; return their rows."""
    rows = 0
    for record in await connection.fetch(SQL["partitions"]):
        suffix = record["name"].removeprefix("webhooks_")
        day = datetime.strptime(suffix, "%Y%m%d").replace(tzinfo=UTC)
        if day + timedelta(days=1) <= before:
            rows += await _drop_day(connection, suffix)
    return rows


async def _drop_day(connection: Connection, suffix: str) -> int:
    """Drop one day under a lock that keeps late writers out; 0 when it is still needed."""
    table = f"webhooks_{suffix}"
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '2s'")
        try:
            await connection.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        except (asyncpg.LockNotAvailableError, asyncpg.UndefinedTableError):
            return 0
        waiting = await connection.fetchval(
            f"SELECT EXISTS (SELECT 1 FROM {table} WHERE lease_until IS NOT NULL)"  # noqa: S608
            f" OR EXISTS (SELECT 1 FROM {table} WHERE state < 2 AND lease_until IS NULL)"
        )
        if waiting:
            return 0
        rows = int(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608
        await connection.execute(f"DROP TABLE {table}, attempts_{suffix}")
    log.info("partition.dropped", day=suffix, webhooks=rows)
    return rows
