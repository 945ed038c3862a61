"""Changes people ask for: cancel, retry, lanes, pause, endpoints, tenants, tokens."""

from __future__ import annotations

from datetime import datetime

import apsw

from sureshot.domain.model import FINAL, Endpoint, Webhook, WebhookState
from sureshot.store import sqlite_events
from sureshot.store.rows import key_of, to_us
from sureshot.store.sqlite_reads import get
from sureshot.store.sqlite_rows import SQL, fetch, fetch_one


def cancel(connection: apsw.Connection, tenant: str, webhook_id: str) -> Webhook | None:
    """Cancel unless final; see ``Store.cancel``."""
    webhook = get(connection, tenant, webhook_id)
    if webhook is not None and webhook.state not in FINAL:
        connection.execute(SQL["cancel"], (key_of(webhook_id),))
    return webhook


def retry(
    connection: apsw.Connection, tenant: str, webhook_id: str, *, force: bool, now: datetime
) -> Webhook | None:
    """Make due now; see ``Store.retry``."""
    webhook = get(connection, tenant, webhook_id)
    if webhook is not None and (force or webhook.state is not WebhookState.DELIVERED):
        connection.execute(SQL["retry"], (to_us(now), key_of(webhook_id)))
    return webhook


def close_lane(connection: apsw.Connection, lane: str, until: datetime | None, reason: str) -> None:
    """Write that *lane* is closed; see ``Store.close_lane``."""
    row = (lane, None if until is None else to_us(until), reason)
    connection.execute(SQL["close_lane"], row)


def open_lane(connection: apsw.Connection, lane: str) -> None:
    """Write that *lane* is open."""
    connection.execute(SQL["open_lane"], (lane,))


def closed_lanes(connection: apsw.Connection) -> dict[str, tuple[int | None, str]]:
    """Return every closed lane with when it opens (µs) and why it is closed."""
    return {lane: (until, why) for lane, until, why in connection.execute(SQL["closed_lanes"])}


def put_document(connection: apsw.Connection, kind: str, key: str, document: bytes) -> None:
    """Create or replace one document."""
    connection.execute(SQL["put_document"], (kind, key, document))


def delete_document(connection: apsw.Connection, kind: str, key: str) -> None:
    """Delete one document, if it is there."""
    connection.execute(SQL["delete_document"], (kind, key))


def documents(connection: apsw.Connection, kind: str) -> list[tuple[str, bytes]]:
    """Return all documents of *kind* with their ids, by id, which is oldest first."""
    return [(key, document) for key, document in fetch(connection, "documents", (kind,))]


def document(connection: apsw.Connection, kind: str, key: str) -> bytes | None:
    """Return one document, or None."""
    found = fetch_one(connection, "document", (kind, key))
    return None if found is None else bytes(found[0])


def forget_before(connection: apsw.Connection, before: datetime, limit: int) -> int:
    """Delete some finished webhooks that are old; see ``Store.forget_before``."""
    first_kept = (to_us(before) // 1000) << 12
    keys = fetch(connection, "old_finished", (first_kept, limit))
    connection.executemany(SQL["forget_attempts"], keys)
    connection.executemany(SQL["forget_webhook"], keys)
    connection.execute(SQL["forget_old_keys"], (to_us(before),))
    return len(keys) + sqlite_events.forget_before(connection, before, limit)


def delete_endpoint(connection: apsw.Connection, endpoint_id: str) -> None:
    """Delete an endpoint with what waits for it; see ``Store.delete_endpoint``."""
    connection.execute(SQL["cancel_endpoint"], (endpoint_id,))
    delete_document(connection, Endpoint.__name__, endpoint_id)
    open_lane(connection, endpoint_id)
