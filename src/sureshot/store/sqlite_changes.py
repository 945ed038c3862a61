"""Changes people ask for: cancel, retry, pause, tenants, tokens."""

from __future__ import annotations

from datetime import datetime

import apsw

from sureshot.domain.model import FINAL, Webhook, WebhookState
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
