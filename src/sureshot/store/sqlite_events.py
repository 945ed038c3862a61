"""Events: stored with their webhooks in one transaction, or not at all."""

from __future__ import annotations

import apsw

from sureshot.domain.ids import format_id, parse_id
from sureshot.domain.model import KEY_LIFETIME, Event, IdempotencyKey
from sureshot.ports import Added, AddEventResult, KeyConflict, KnownEvent, LeaseTerms
from sureshot.store.rows import event_from_row, event_row, place_of, to_us
from sureshot.store.sqlite_intake import Batch, add
from sureshot.store.sqlite_rows import SQL, fetch_one


def add_event(
    connection: apsw.Connection, event: Event, batch: Batch, terms: LeaseTerms
) -> AddEventResult:
    """Insert *event* and its webhooks; see ``Store.add_event``."""
    if event.idempotency is not None:
        known = _claim_key(connection, event, event.idempotency)
        if known is not None:
            return known
    connection.execute(SQL["insert_event"], event_row(event))
    return [one for one in add(connection, batch, terms) if isinstance(one, Added)]


def _claim_key(
    connection: apsw.Connection, event: Event, wanted: IdempotencyKey
) -> KnownEvent | KeyConflict | None:
    oldest = to_us(event.created_at - KEY_LIFETIME)
    found = fetch_one(connection, "known_event_key", (event.tenant, wanted.key, oldest))
    if found is None:
        row = (event.tenant, wanted.key, wanted.fingerprint, *place_of(event.id, "ev"))
        connection.execute(SQL["put_event_key"], (*row, to_us(event.created_at)))
        return None
    fingerprint, key, tail, webhooks = found
    original = format_id(key, tail, "ev")
    if fingerprint != wanted.fingerprint:
        return KeyConflict(original)
    return KnownEvent(original, webhooks)


def event(connection: apsw.Connection, tenant: str, event_id: str) -> Event | None:
    """Return one event; see ``Store.event``."""
    place = parse_id(event_id, "ev")
    row = None if place is None else fetch_one(connection, "event", (*place, tenant))
    return None if row is None else event_from_row(row)
