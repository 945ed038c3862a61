"""Endpoints in the PostgreSQL store: each is written together with the state of its lane."""

from __future__ import annotations

from collections.abc import Callable

from sureshot.domain.model import Endpoint
from sureshot.ports import DISABLED, Change, ChangeKind, ClosedLane
from sureshot.store.postgres_pool import Connection, Database
from sureshot.store.postgres_schema import SQL
from sureshot.store.postgres_watch import announce
from sureshot.store.sealing import Sealer

KIND = Endpoint.__name__
CANCEL_AT_ONCE = 5000
"""A deleted endpoint's backlog is cancelled in slices, so that nobody waits for long."""


async def put_endpoint(database: Database, sealer: Sealer, endpoint: Endpoint, origin: str) -> None:
    """Create or replace an endpoint, and tell everybody; see ``Store.put_endpoint``."""
    async with database.transaction(aside=True) as connection:
        await _put(connection, sealer, endpoint, origin)


async def update_endpoint(
    database: Database,
    sealer: Sealer,
    endpoint_id: str,
    change: Callable[[Endpoint], Endpoint],
    origin: str,
) -> Endpoint | None:
    """Change an endpoint that is there, and tell everybody; see ``Store.update_endpoint``."""
    async with database.transaction(aside=True) as connection:
        found = await connection.fetchval(SQL["document_for_update"], KIND, endpoint_id)
        if found is None:
            return None
        endpoint = sealer.open_document(Endpoint, endpoint_id, found)
        changed = change(endpoint)
        if changed is endpoint:
            await _write_lane(connection, endpoint, origin)
        else:
            await _put(connection, sealer, changed, origin)
    return changed


async def _put(connection: Connection, sealer: Sealer, endpoint: Endpoint, origin: str) -> None:
    await connection.execute(SQL["put_document"], KIND, endpoint.id, sealer.seal_document(endpoint))
    await announce(connection, Change(ChangeKind.ENDPOINT, endpoint.id, origin=origin))
    await _write_lane(connection, endpoint, origin)


async def _write_lane(connection: Connection, endpoint: Endpoint, origin: str) -> None:
    if not endpoint.enabled:
        closed = ClosedLane(endpoint.id, None, DISABLED)
        await connection.execute(SQL["close_lanes"], [endpoint.id], [None], [DISABLED])
        await announce(connection, Change(ChangeKind.LANE, endpoint.id, closed, origin))
    elif await connection.fetchval(SQL["enable_lane"], endpoint.id) is not None:
        await announce(connection, Change(ChangeKind.LANE, endpoint.id, origin=origin))


async def delete_endpoint(database: Database, endpoint_id: str, origin: str) -> None:
    """Delete an endpoint with what waits for it; see ``Store.delete_endpoint``.

    A long backlog goes first, in slices; the last of it, the endpoint and its
    lane go in one transaction.
    """
    while True:
        async with database.transaction(aside=True) as connection:
            rows = await connection.fetch(SQL["pick_waiting"], endpoint_id, CANCEL_AT_ONCE)
            keys = [row["key"] for row in rows]
            if keys:
                await connection.execute(SQL["cancel_keys"], min(keys), max(keys), keys)
            if len(keys) < CANCEL_AT_ONCE:
                await connection.execute(SQL["cancel_leased"], endpoint_id)
                await connection.execute(SQL["delete_document"], KIND, endpoint_id)
                told = [Change(ChangeKind.ENDPOINT, endpoint_id, origin=origin)]
                if await connection.fetchval(SQL["forget_lane"], endpoint_id) is not None:
                    told.append(Change(ChangeKind.LANE, endpoint_id, origin=origin))
                await announce(connection, *told)
                return
