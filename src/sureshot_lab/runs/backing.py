"""A database and a broker's queue of a run's own: empty before, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sureshot_lab.errors import LabError, TargetUnreachable

DATABASE = "postgresql://postgres@127.0.0.1:5432/postgres"
BROKER = "amqp://guest:guest@127.0.0.1:5672/"


@dataclass(frozen=True)
class Backing:
    """Where the two are; the urls may hold a password."""

    database_url: str
    queue_url: str
    queue_name: str


@contextlib.asynccontextmanager
async def fresh_backing(
    profile: str, database_url: str = "", tablespace: Path | None = None
) -> AsyncIterator[Backing | None]:
    """Yield what *profile* needs: None for ``embedded``.

    *database_url* names a database that is there already, and stays. The tables and
    indexes of a fresh one lie in the empty folder *tablespace*, if there is one.
    ``SURESHOT_LAB_DATABASE_URL`` and ``SURESHOT_LAB_QUEUE_URL`` name the servers.
    Raises ``TargetUnreachable`` when one of them does not answer, ``LabError`` when a
    PostgreSQL elsewhere is to keep its tables in *tablespace*.
    """
    if profile == "embedded":
        yield None
        return
    queue_url = os.environ.get("SURESHOT_LAB_QUEUE_URL", BROKER)
    async with contextlib.AsyncExitStack() as stack:
        url = database_url or await stack.enter_async_context(_database(tablespace))
        if profile == "postgres":
            yield Backing(url, "memory://", "")
            return
        name = await stack.enter_async_context(_queue(queue_url))
        yield Backing(url, queue_url, name)


@contextlib.asynccontextmanager
async def _database(tablespace: Path | None) -> AsyncIterator[str]:
    import asyncpg  # noqa: PLC0415 - the embedded profile needs no driver

    server_url = os.environ.get("SURESHOT_LAB_DATABASE_URL", DATABASE)
    name = f"sureshot_lab_{secrets.token_hex(6)}"
    try:
        server = await asyncpg.connect(server_url, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise TargetUnreachable(
            f"no PostgreSQL answers ({error}); set SURESHOT_LAB_DATABASE_URL to one "
            "where databases may be made"
        ) from None
    try:
        async with _space(server, name, tablespace) as where:
            await server.execute(f'CREATE DATABASE "{name}"{where}')
            try:
                yield f"{server_url.rpartition('/')[0]}/{name}"
            finally:
                await server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def _space(server: Any, name: str, folder: Path | None) -> AsyncIterator[str]:
    """Have PostgreSQL keep a database in *folder*; yield what its CREATE says of that."""
    if folder is None:
        yield ""
        return
    told = await server.fetchval("SHOW data_directory")
    try:
        theirs = Path(told).stat()  # noqa: ASYNC240 - once, before anything runs
    except OSError as error:
        raise LabError(f"a full disk needs a PostgreSQL on this machine: {error}") from None
    os.chown(folder, theirs.st_uid, theirs.st_gid)
    await server.execute(f"CREATE TABLESPACE \"{name}\" LOCATION '{folder}'")
    try:
        yield f' TABLESPACE "{name}"'
    finally:
        await server.execute(f'DROP TABLESPACE "{name}"')


@contextlib.asynccontextmanager
async def _queue(url: str) -> AsyncIterator[str]:
    import aiormq  # noqa: PLC0415 - as above

    name = f"sureshot-lab-{secrets.token_hex(6)}"
    try:
        connection = await aiormq.connect(url)
    except (OSError, TimeoutError, aiormq.exceptions.AMQPError) as error:
        raise TargetUnreachable(
            f"no RabbitMQ answers ({error}); set SURESHOT_LAB_QUEUE_URL to one"
        ) from None
    await connection.close()
    try:
        yield name
    finally:
        with contextlib.suppress(OSError, aiormq.exceptions.AMQPError):
            connection = await aiormq.connect(url)
            channel = await connection.channel()
            for queue in (name, f"{name}.dead-letter"):
                await channel.queue_delete(queue)
            await connection.close()
