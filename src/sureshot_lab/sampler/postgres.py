"""What PostgreSQL does for one database: connections, transactions, WAL, rows, size."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import asyncpg

from sureshot_lab.sampler.queries import QUERIES
from sureshot_lab.sampler.rates import Rates
from sureshot_lab.sampler.source import Pace, Source
from sureshot_lab.sampler.statements import (
    Counted,
    Statement,
    StatementsUnavailable,
    count_statements,
    statements_between,
)

TIMEOUT_S = 5.0
STORAGE_EVERY_S = 5.0
"""The size is found by looking at every file, so not each second."""

GAUGES = ("connections", "database_connections", "active_connections", "locks_waiting")
RATES = (
    "commits", "rollbacks", "rows_inserted", "rows_updated", "rows_deleted", "wal_bytes",
)  # fmt: skip
SINCE_START = ("deadlocks", "checkpoints", "vacuums")


class Postgres(Source):
    """Looks through one connection of its own, which is left out of the connections.

    ``postgres.connections`` are of the whole server, ``database_connections``,
    ``active_connections`` and ``locks_waiting`` (backends that wait for a lock) of the
    url's database. ``commits``, ``rollbacks``, ``rows_inserted``, ``rows_updated``,
    ``rows_deleted`` (the sampler's own 2 commits a second included) and the server's ``wal_bytes``
    and ``wal_syncs`` come as ``_per_s``; ``deadlocks``, ``checkpoints`` and ``vacuums``
    count from the first read. ``cache_hit_share`` is of the blocks read since the last
    read. Every 5 s: ``size_bytes``, ``live_rows``, ``dead_rows``, ``vacuums``,
    ``checkpoints``. PostgreSQL 13 and newer; it tells its counts up to 1 s late.
    """

    name = "postgres"

    def __init__(self, url: str, storage_every_s: float = STORAGE_EVERY_S) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None
        self._alone = asyncio.Lock()
        self._rates = Rates()
        self._storage = Pace(storage_every_s)
        self._first: dict[str, float] = {}
        self._blocks: tuple[float, float] | None = None
        self._counted: Counted | None = None
        self._uncounted = ""

    async def read(self) -> dict[str, float]:
        """Return the values now. Raises asyncpg's errors; the next read connects anew."""
        async with self._connected() as connection:
            if self._counted is None and not self._uncounted:
                await self._count_statements(connection)
            values = await self._activity(connection)
            if self._storage.due():
                row = await connection.fetchrow(QUERIES["storage"])
                values |= self._since_first({**row, "checkpoints": await _checkpoints(connection)})
        return {f"{self.name}.{name}": value for name, value in values.items()}

    async def top_statements(self, limit: int = 20) -> list[Statement]:
        """Return what took the most time since the first read.

        Raises ``StatementsUnavailable`` where PostgreSQL does not count statements.
        """
        async with self._connected() as connection:
            if self._counted is None and not self._uncounted:
                await self._count_statements(connection)
            if self._counted is None:
                raise StatementsUnavailable(self._uncounted)
            return statements_between(self._counted, await count_statements(connection), limit)

    async def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _count_statements(self, connection: asyncpg.Connection) -> None:
        try:
            self._counted = await count_statements(connection)
        except StatementsUnavailable as error:
            self._uncounted = str(error)

    async def _activity(self, connection: asyncpg.Connection) -> dict[str, float]:
        row = await connection.fetchrow(QUERIES["activity"])
        totals = {name: float(row[name]) for name in RATES}
        syncs = await _wal_syncs(connection)
        if syncs is not None:
            totals["wal_syncs"] = syncs
        values = {name: float(row[name]) for name in GAUGES}
        values |= self._rates.per_s(totals, time.monotonic())
        values |= self._since_first({"deadlocks": row["deadlocks"]})
        before, self._blocks = self._blocks, (row["blocks_hit"], row["blocks_read"])
        if before is not None:
            hit, missed = row["blocks_hit"] - before[0], row["blocks_read"] - before[1]
            if hit >= 0 and missed >= 0 and hit + missed:
                values["cache_hit_share"] = hit / (hit + missed)
        return values

    def _since_first(self, counts: dict[str, float]) -> dict[str, float]:
        """Return *counts*, those of ``SINCE_START`` as from the first read."""
        return {
            name: value - self._first.setdefault(name, value) if name in SINCE_START else value
            for name, value in ((name, float(value)) for name, value in counts.items())
        }

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield the connection, for one caller at a time; drop it when anything goes wrong."""
        async with self._alone:
            try:
                if self._connection is None:
                    self._connection = await asyncpg.connect(
                        self._url,
                        timeout=TIMEOUT_S,
                        command_timeout=TIMEOUT_S,
                        server_settings={"application_name": "sureshot-lab"},
                    )
                yield self._connection
            except BaseException:
                await self.close()
                raise


async def _wal_syncs(connection: asyncpg.Connection) -> float | None:
    version = connection.get_server_version().major
    if version < 14:
        return None
    value = await connection.fetchval(QUERIES["wal_syncs_18" if version >= 18 else "wal_syncs_14"])
    return float(value)


async def _checkpoints(connection: asyncpg.Connection) -> float:
    newer = connection.get_server_version().major >= 17
    value = await connection.fetchval(QUERIES["checkpoints_17" if newer else "checkpoints_13"])
    return float(value)
