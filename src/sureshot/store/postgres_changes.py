"""Changes people ask for: cancel, retry, lanes, pause, tenants, tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sureshot.domain.model import FINAL, Webhook, WebhookState
from sureshot.ports import FULL, Change, ChangeKind, ClosedLane
from sureshot.store.postgres_pool import Connection, Database
from sureshot.store.postgres_reads import get
from sureshot.store.postgres_schema import SQL
from sureshot.store.postgres_watch import announce
from sureshot.store.rows import from_us, key_of, to_us


async def cancel(database: Database, tenant: str, webhook_id: str, origin: str) -> Webhook | None:
    """Cancel unless final; see ``Store.cancel``."""
    async with database.transaction(aside=True) as connection:
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
    async with database.transaction(aside=True) as connection:
        webhook = await get(connection, tenant, webhook_id, lock=True)
        if webhook is not None and (force or webhook.state is not WebhookState.DELIVERED):
            await connection.execute(SQL["retry"], to_us(now), key_of(webhook_id))
            await announce(connection, Change(ChangeKind.DUE, origin=origin))
    return webhook


async def change_lanes(
    database: Database, changes: Mapping[str, ClosedLane | None], origin: str
) -> None:
    """Write which lanes are closed and which open (None), and tell everybody what is so now."""
    # Sorted: all transactions lock in one order.
    opened = sorted(lane for lane, closed in changes.items() if closed is None)
    closed = sorted((one for one in changes.values() if one is not None), key=lambda one: one.lane)
    untils = [None if one.until is None else to_us(one.until) for one in closed]
    lanes, reasons = [one.lane for one in closed], [one.reason for one in closed]
    async with database.transaction() as connection:
        written = []
        if closed:
            written += await connection.fetch(SQL["close_lanes"], lanes, untils, reasons)
        if opened:
            written += await connection.fetch(SQL["open_lanes"], opened)
        told = [(row["lane"], changes[row["lane"]]) for row in written]
        await announce(connection, *(Change(ChangeKind.LANE, *one, origin) for one in told))


async def open_full(database: Database, lanes: Sequence[str], origin: str) -> None:
    """Open those of *lanes* that are closed as full, and tell everybody."""
    async with database.transaction() as connection:
        opened = await connection.fetch(SQL["open_full"], sorted(lanes), FULL)
        told = (Change(ChangeKind.LANE, row["lane"], None, origin) for row in opened)
        await announce(connection, *told)


async def forget_old_lanes(connection: Connection, before: datetime) -> None:
    """Open what was to open until then; everybody knows, so nobody is told."""
    await connection.execute(SQL["forget_old_lanes"], to_us(before))


async def closed_lanes(connection: Connection) -> list[ClosedLane]:
    """Return every closed lane."""
    return [
        ClosedLane(lane, None if until is None else from_us(until), reason)
        for lane, until, reason in await connection.fetch(SQL["closed_lanes"])
    ]


async def put_document(database: Database, change: Change, kind: str, document: bytes) -> None:
    """Create or replace one document, and tell everybody."""
    async with database.transaction(aside=True) as connection:
        await connection.execute(SQL["put_document"], kind, change.subject, document)
        await announce(connection, change)


async def delete_document(database: Database, change: Change, kind: str) -> None:
    """Delete one document, if it is there, and tell everybody."""
    async with database.transaction(aside=True) as connection:
        await connection.execute(SQL["delete_document"], kind, change.subject)
        await announce(connection, change)
