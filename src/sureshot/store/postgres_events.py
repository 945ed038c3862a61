"""Events: stored with their webhooks in one transaction, or not at all."""

from __future__ import annotations

from sureshot.domain.ids import format_id, parse_id
from sureshot.domain.model import Event, IdempotencyKey
from sureshot.ports import AddEventResult, KeyConflict, KnownEvent, LeaseTerms
from sureshot.store.postgres_intake import Batch, added, copy, row_of
from sureshot.store.postgres_pool import Connection, Database
from sureshot.store.postgres_schema import SQL
from sureshot.store.rows import event_from_row, event_row, place_of, to_us


async def add_event(
    database: Database, event: Event, batch: Batch, terms: LeaseTerms
) -> AddEventResult:
    """Insert *event* and its webhooks; see ``Store.add_event``."""
    async with database.transaction() as connection:
        if event.idempotency is not None:
            known = await _claim_key(connection, event, event.idempotency)
            if known is not None:
                return known
        await connection.execute(SQL["insert_event"], *event_row(event))
        await copy(connection, [row_of(webhook, leased, terms) for webhook, leased in batch])
    return [added(webhook, leased, terms) for webhook, leased in batch]


async def _claim_key(
    connection: Connection, event: Event, wanted: IdempotencyKey
) -> KnownEvent | KeyConflict | None:
    place = (event.tenant, wanted.key)
    claimed = await connection.fetchval(
        SQL["claim_event_key"],
        *place,
        wanted.fingerprint,
        *place_of(event.id, "ev"),
        to_us(event.created_at),
    )
    if claimed is not None:
        return None
    fingerprint, key, tail, webhooks = await connection.fetchrow(SQL["known_event_key"], *place)
    original = format_id(key, tail, "ev")
    if fingerprint != wanted.fingerprint:
        return KeyConflict(original)
    return KnownEvent(original, webhooks)


async def event(database: Database, tenant: str, event_id: str) -> Event | None:
    """Return one event; see ``Store.event``."""
    place = parse_id(event_id, "ev")
    if place is None:
        return None
    async with database.connection(aside=True) as connection:
        row = await connection.fetchrow(SQL["event"], *place, tenant)
    return None if row is None else event_from_row(row)
