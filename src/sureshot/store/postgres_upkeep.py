"""What the PostgreSQL store has done to it from time to time: forgetting, a new key."""

from __future__ import annotations

from datetime import datetime

from sureshot.store.postgres_pool import Connection, Database
from sureshot.store.postgres_schema import SQL, drop_partitions_before
from sureshot.store.rows import first_key, from_us, to_us
from sureshot.store.sealing import KINDS, Sealer

SEALED_AT_ONCE = 500


class PostgresUpkeep:
    """The part of ``PostgresStore`` that housekeeping and operators call."""

    _database: Database
    _sealer: Sealer

    async def check(self) -> None:
        """See ``Store.check``."""
        await self._database.check()

    async def forget_before(self, before: datetime, limit: int) -> int:
        """See ``Store.forget_before``; whole days are dropped with their partitions."""
        async with self._database.connection() as connection:
            oldest_key = await connection.fetchval(SQL["oldest_key"])
            if oldest_key is not None:
                before = min(before, from_us(oldest_key))
            dropped, by_row = await drop_partitions_before(connection, before)
            webhooks = await _forget_webhooks(connection, by_row, limit)
            query = SQL["forget_old_events"]
            events = _changed(await connection.execute(query, first_key(before), limit))
        return dropped + webhooks + events

    async def forget_keys(self, before: datetime, limit: int) -> int:
        """See ``Store.forget_keys``."""
        forgotten = 0
        async with self._database.connection() as connection:
            for query in ("forget_old_keys", "forget_old_event_keys"):
                forgotten += _changed(await connection.execute(SQL[query], to_us(before), limit))
        return forgotten

    async def forget_audit(self, before: datetime, limit: int) -> int:
        """See ``Store.forget_audit``."""
        async with self._database.connection() as connection:
            query = SQL["forget_old_audit"]
            return _changed(await connection.execute(query, first_key(before), limit))

    async def reencrypt(self) -> int:
        """See ``Store.reencrypt``."""
        return sum([await self._reencrypt(kind) for kind in KINDS])

    async def _reencrypt(self, kind: str) -> int:
        done = set[str]()
        while True:
            async with self._database.connection() as connection:
                found = await connection.fetch(SQL["documents"], kind)
            # What others changed or made meanwhile has its turn in the next round.
            left = [(row["id"], row["document"]) for row in found if row["id"] not in done]
            if not left:
                return len(done)
            for first in range(0, len(left), SEALED_AT_ONCE):
                done |= await self._replace(kind, left[first : first + SEALED_AT_ONCE])

    async def _replace(self, kind: str, documents: list[tuple[str, bytes]]) -> set[str]:
        """Replace those that still are what they were; return which."""
        ids, old = [key for key, _document in documents], [one for _key, one in documents]
        new = [self._sealer.reseal(kind, key, document) for key, document in documents]
        async with self._database.connection() as connection:
            written = await connection.fetch(SQL["replace_documents"], kind, ids, old, new)
        return {row["id"] for row in written}


async def _forget_webhooks(connection: Connection, before: datetime, limit: int) -> int:
    records = await connection.fetch(SQL["old_finished"], first_key(before), limit)
    keys = [record["key"] for record in records]
    if keys:
        async with connection.transaction():
            # In the order everybody locks.
            for query in ("forget_webhooks", "forget_attempts"):
                await connection.execute(SQL[query], min(keys), max(keys), keys)
    return len(keys)


def _changed(status: str) -> int:
    """Return how many rows a command's status (``DELETE 7``) speaks of."""
    return int(status.rpartition(" ")[2])
