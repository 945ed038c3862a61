"""Settings become adapters: the only file that names one.

The drivers of PostgreSQL and RabbitMQ are loaded by those who use them: a process with
SQLite starts sooner without, and needs 5 MB less.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sureshot.clock import AnchoredClock, SystemClock
from sureshot.config import Settings
from sureshot.domain.errors import ConfigurationError
from sureshot.first_start import SECRET_KEY_FILE, ensure_secret_key, read_secret_key
from sureshot.ports import Clock, Queue, Store
from sureshot.queue.memory import MemoryQueue
from sureshot.store import sqlite_backup
from sureshot.store.sealing import Sealer
from sureshot.store.sqlite import SqliteStore
from sureshot.store.sqlite_backup import Copied


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
    sealer = _sealer(settings, ensure_secret_key(settings, secrets.token_bytes))
    if settings.embedded:
        return SqliteStore(_sqlite_file(settings), sealer)
    from sureshot.store.postgres import PostgresStore  # noqa: PLC0415 - see above

    return PostgresStore(
        settings.database_url,
        sealer,
        pool_size=settings.database_pool,
        migrates=settings.migrate,
    )


def _sealer(settings: Settings, key: bytes) -> Sealer:
    previous = settings.previous_secret_key
    return Sealer(key, None if previous is None else base64.b64decode(previous))


def _sqlite_file(settings: Settings) -> Path:
    return Path(settings.database_url.removeprefix("sqlite:///"))


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
        return MemoryQueue(
            settings.queue_limit, settings.queue_bytes, clock.monotonic, observe,
            slots=settings.max_in_flight,
        )  # fmt: skip
    if settings.embedded:
        raise ConfigurationError(
            "SURESHOT_QUEUE_URL names a broker, but SURESHOT_DATABASE_URL a SQLite file, which "
            "one process owns: use memory://, or PostgreSQL"
        )
    from sureshot.queue.rabbitmq import RabbitQueue  # noqa: PLC0415 - see above

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
    from sureshot.store.postgres_pool import Database  # noqa: PLC0415 - see above
    from sureshot.store.postgres_schema import migrate  # noqa: PLC0415

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


def back_up_database(settings: Settings, copy: Path, progress: sqlite_backup.Progress) -> Copied:
    """Copy the SQLite file of *settings* while it is in use; see ``sqlite_backup.back_up``.

    The key is tried on the secrets when there is one; none is made.
    """
    key = read_secret_key(settings)
    sealer = None if key is None else _sealer(settings, key)
    return sqlite_backup.back_up(_sqlite_file(settings), copy, sealer, progress)


def restore_database(
    settings: Settings, copy: Path, stamp: str, progress: sqlite_backup.Progress, *, paused: bool
) -> tuple[Copied, Path | None]:
    """Put a copy in the place of the SQLite file; see ``sqlite_backup.restore``.

    Raises ``ConfigurationError`` without the key the copy's secrets are encrypted with.
    """
    key = read_secret_key(settings)
    if key is None:
        raise ConfigurationError(
            f"there is no secret key: put {settings.data_dir / SECRET_KEY_FILE} back first, or set "
            "SURESHOT_SECRET_KEY; without it no secret in the copy can be read"
        )
    file, sealer = _sqlite_file(settings), _sealer(settings, key)
    return sqlite_backup.restore(copy, file, sealer, stamp, progress, paused=paused)
