"""Changes people ask for: cancel, retry, lanes, pause, endpoints, tenants, tokens."""

from __future__ import annotations

from datetime import datetime

from sureshot.domain.model import FINAL, Endpoint, Webhook, WebhookState
from sureshot.ports import Change, ChangeKind, ClosedLane
from sureshot.store import postgres_events
from sureshot.store.postgres_pool import Connection, Database
from sureshot.store.postgres_reads import get
from sureshot.store.postgres_schema import SQL, drop_partitions_before, first_key
from sureshot.store.postgres_watch import announce
from sureshot.store.rows import from_us, key_of, to_us

CANCEL_AT_ONCE = 5000
"""A deleted endpoint's backlog is cancelled in slices, so that nobody waits for long."""


async def cancel(database: Database, tenant: str, webhook_id: str, origin: str) -> Webhook | None:
    """Cancel unless final; see ``Store.cancel``."""
    async with database.transaction() as connection:
        webhook = await get(connection, tenant, webhook_id, lock=True)
        if webhook is not None and webhook.state not in FINAL:
            await connection.execute(SQL["cancel"], key_of(webhook_id))
            if webhook.leased:
                await announce(connection, Change(ChangeKind.CANCELLED, webhook_id, origin=origin))
    return webhook


async def retry(
    database: Database, tenant: str, webhook_id: str, origin: str, *, force: bool, now: datetime
) -> Webhook | None:
    """Make due now; see ``Store.retry``."""
    async with database.transaction() as connection:
        webhook = await get(connection, tenant, webhook_id, lock=True)
        if webhook is not None and (force or webhook.state is not WebhookState.DELIVERED):
            await connection.execute(SQL["retry"], to_us(now), key_of(webhook_id))
            await announce(connection, Change(ChangeKind.DUE, origin=origin))
    return webhook


async def close_lane(database: Database, closed: ClosedLane, origin: str) -> None:
    """Write that a lane is closed, and tell everybody."""
    until = None if closed.until is None else to_us(closed.until)
    async with database.transaction() as connection:
        await connection.execute(SQL["close_lane"], closed.lane, until, closed.reason)
        await announce(connection, Change(ChangeKind.LANE, closed.lane, closed, origin))


async def open_lane(database: Database, lane: str, origin: str) -> None:
    """Write that *lane* is open, and tell everybody."""
    async with database.transaction() as connection:
        await connection.execute(SQL["open_lane"], lane)
        await announce(connection, Change(ChangeKind.LANE, lane, origin=origin))


async def closed_lanes(connection: Connection) -> list[ClosedLane]:
    """Return every closed lane."""
    return [
        ClosedLane(lane, None if until is None else from_us(until), reason)
        for lane, until, reason in await connection.fetch(SQL["closed_lanes"])
    ]


async def put_document(database: Database, change: Change, kind: str, document: bytes) -> None:
    """Create or replace one document, and tell everybody."""
    async with database.transaction() as connection:
        await connection.execute(SQL["put_document"], kind, change.subject, document)
        await announce(connection, change)


async def delete_document(database: Database, change: Change, kind: str) -> None:
    """Delete one document, if it is there, and tell everybody."""
    async with database.transaction() as connection:
        await connection.execute(SQL["delete_document"], kind, change.subject)
        await announce(connection, change)


async def delete_endpoint(database: Database, endpoint_id: str, origin: str) -> None:
    """Delete an endpoint with what waits for it; see ``Store.delete_endpoint``.

    A long backlog goes first, in slices; the last of it, the endpoint and its
    lane go in one transaction.
    """
    while True:
        async with database.transaction() as connection:
            rows = await connection.fetch(SQL["pick_waiting"], endpoint_id, CANCEL_AT_ONCE)
            keys = [row["key"] for row in rows]
            if keys:
                await connection.execute(SQL["cancel_keys"], min(keys), max(keys), keys)
            if len(keys) < CANCEL_AT_ONCE:
                await connection.execute(SQL["cancel_leased"], endpoint_id)
                await connection.execute(SQL["delete_document"], Endpoint.__name__, endpoint_id)
                await connection.execute(SQL["open_lane"], endpoint_id)
                await announce(connection, Change(ChangeKind.ENDPOINT, endpoint_id, origin=origin))
                return


async def forget_before(database: Database, before: datetime, limit: int) -> int:
    """Drop the days that are over, then rows that are older still; see ``Store.forget_before``."""
    async with database.connection() as connection:
        dropped = await drop_partitions_before(connection, before)
        records = await connection.fetch(SQL["old_finished"], first_key(before), limit)
        keys = [record["key"] for record in records]
        if keys:
            async with connection.transaction():
                for query in ("forget_attempts", "forget_webhooks"):
                    await connection.execute(SQL[query], min(keys), max(keys), keys)
        await connection.execute(SQL["forget_old_keys"], to_us(before))
        events = await postgres_events.forget_before(connection, before, limit)
    return dropped + len(keys) + events
