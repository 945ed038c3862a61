"""Settings become adapters: the only file that names one."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sureshot.clock import AnchoredClock, SystemClock
from sureshot.config import Settings
from sureshot.domain.errors import ConfigurationError
from sureshot.first_start import ensure_secret_key
from sureshot.ports import Clock, Queue, Store
from sureshot.queue.memory import MemoryQueue
from sureshot.queue.rabbitmq import RabbitQueue
from sureshot.store.postgres import PostgresStore
from sureshot.store.postgres_pool import Database
from sureshot.store.postgres_schema import migrate
from sureshot.store.sealing import Sealer
from sureshot.store.sqlite import SqliteStore


def make_clock(settings: Settings) -> tuple[Clock, Callable[[datetime], None]]:
    """Return the clock, and what sets it to the store's."""
    if settings.embedded:
        return SystemClock(), _stay
    clock = AnchoredClock()
    return clock, clock.anchor


def _stay(_at: datetime) -> None:
    """Leave the machine's clock alone."""


def make_store(settings: Settings) -> Store:
    """Return the store that ``SURESHOT_DATABASE_URL`` names, not opened yet."""
    previous = settings.previous_secret_key
    sealer = Sealer(
        ensure_secret_key(settings, secrets.token_bytes),
        None if previous is None else base64.b64decode(previous),
    )
    if settings.embedded:
        return SqliteStore(Path(settings.database_url.removeprefix("sqlite:///")), sealer)
    return PostgresStore(
        settings.database_url,
        sealer,
        pool_size=settings.database_pool,
        migrates=settings.migrate,
    )


def make_queue(
    settings: Settings, clock: Clock, role: str, observe: Callable[[float, int], None]
) -> Queue:
    """Return the queue that ``SURESHOT_QUEUE_URL`` names, not opened yet."""
    if settings.queue_url == "memory://":
        if role != "all":
            raise ConfigurationError(
                f"--role {role}: SURESHOT_QUEUE_URL=memory:// lives inside one process, "
                "so that process needs every role; start it with --role all"
            )
        return MemoryQueue(settings.queue_limit, settings.queue_bytes, clock.monotonic, observe)
    if settings.embedded:
        raise ConfigurationError(
            "SURESHOT_QUEUE_URL names a broker, but SURESHOT_DATABASE_URL a SQLite file, which "
            "one process owns: use memory://, or PostgreSQL"
        )
    return RabbitQueue(
        settings.queue_url,
        settings.queue_name,
        settings.queue_limit,
        settings.queue_bytes,
        clock,
        settings.max_in_flight,
        observe,
        consumes=role in {"worker", "all"},
    )


async def migrate_database(settings: Settings) -> list[str]:
    """Migrate the PostgreSQL database of *settings*; return the names of what was applied."""
    database = Database(settings.database_url, 1, "sureshot migrate")
    await database.open()
    try:
        async with database.connection() as connection:
            return await migrate(connection)
    finally:
        await database.close()


async def reencrypt(settings: Settings) -> int:
    """Encrypt every stored secret with the present key; return how many documents.

    An interrupted run may simply be repeated.
    """
    store = make_store(settings)
    await store.open(SystemClock().now(), f"p_{secrets.token_hex(6)}")
    try:
        return await store.reencrypt()
    finally:
        await store.close()
