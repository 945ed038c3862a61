"""Who lives: heartbeats into the store, and taking over from those who are silent."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from sureshot.domain.errors import StoreUnavailable
from sureshot.ports import Beat, Census, Peer
from sureshot.store.postgres_pool import Connection, Database
from sureshot.store.postgres_schema import SQL

MOST_AT_ONCE = 128


async def beat(database: Database, owner: str, beat: Beat, before: Beat | None) -> Census:
    """Write the heartbeat of *owner*, return who lives; see ``Store.beat``.

    *before* is the last one that was written: a row that is gone since was
    removed by whoever took over.
    """
    left_behind = 0 if before is None else before.published - before.taken
    async with database.connection() as connection:
        is_new, slot = await _write(connection, owner, beat, left_behind)
        records = await connection.fetch(SQL["census"])
    peers = [
        Peer(
            record["owner"],
            Beat(
                record["role"],
                record["version"],
                record["published"],
                record["taken"],
                record["in_flight"],
                record["cpu_s"],
                record["starved_s"],
            ),
            record["silent_s"],
        )
        for record in records
    ]
    return Census(
        peers,
        records[0]["now"],
        rejoined=bool(is_new) and before is not None,
        carry=records[0]["carry"],
        slot=slot,
    )


async def _write(
    connection: Connection, owner: str, beat: Beat, left_behind: int
) -> tuple[bool, int]:
    row = (
        beat.role, beat.version, beat.published, beat.taken, beat.in_flight, left_behind,
        beat.cpu_s, beat.starved_s,
    )  # fmt: skip
    for _ in range(MOST_AT_ONCE):
        try:
            found = await connection.fetchrow(SQL["beat"], owner, *row)
        except asyncpg.UniqueViolationError:
            # Another process that starts now was faster to take this slot.
            continue
        return found["is_new"], found["slot"]
    raise StoreUnavailable("too many processes start at once", reason="store_unavailable")


async def take_over(database: Database, since: datetime) -> int:
    """Bury who is silent since then and void what they hold; see ``Store.take_over``."""
    async with database.transaction() as connection:
        dead = await connection.fetch(SQL["bury"], "", since)
        return await _inherit(connection, dead) if dead else 0


async def void_orphans(database: Database) -> int:
    """Void the leases of owners nobody knows: they died between two heartbeats of nobody."""
    async with database.connection() as connection:
        return _changed(await connection.execute(SQL["void_orphans"]))


async def leave(database: Database, owner: str) -> None:
    """Say good-bye: what *owner* still holds is free at once."""
    async with database.transaction() as connection:
        gone = await connection.fetch(SQL["bury"], owner, None)
        if gone:
            await _inherit(connection, gone)


async def _inherit(connection: Connection, dead: list[object]) -> int:
    owners = [record["owner"] for record in dead]  # type: ignore[index]
    left = sum(record["left_behind"] for record in dead)  # type: ignore[index]
    if left:
        await connection.execute(SQL["carry"], left)
    return _changed(await connection.execute(SQL["void_owned"], owners))


def _changed(status: str) -> int:
    """Return how many rows a command's status (``UPDATE 7``) speaks of."""
    return int(status.rpartition(" ")[2])
