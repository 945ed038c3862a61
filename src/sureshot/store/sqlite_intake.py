"""Adding webhooks: one transaction for the batch, each row born leased or free."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from sureshot.domain.ids import format_id
from sureshot.domain.model import KEY_LIFETIME, IdempotencyKey, NewWebhook
from sureshot.ports import Added, AddResult, KeyConflict, LeaseTerms, Twin
from sureshot.store.rows import STATES, Row, from_us, insert_row, key_of, newborn_lease, to_us
from sureshot.store.sqlite_rows import SQL, fetch_one

Batch = Sequence[tuple[NewWebhook, bool]]


def add(connection: apsw.Connection, batch: Batch, terms: LeaseTerms) -> list[AddResult]:
    """Insert *batch*; see ``Store.add``."""
    lease_until = to_us(terms.expires_at)
    rows: list[Row] = []
    results: list[AddResult] = []
    for webhook, leased in batch:
        if webhook.idempotency is not None:
            known = _claim_key(connection, webhook, webhook.idempotency)
            if known is not None:
                results.append(known)
                continue
        rows.append(insert_row(webhook, terms if leased else None, lease_until))
        results.append(Added(newborn_lease(webhook, terms) if leased else None))
        if webhook.idempotency is not None:
            # A twin later in this batch must find the row the key points to.
            connection.executemany(SQL["insert_webhook"], rows)
            rows = []
    connection.executemany(SQL["insert_webhook"], rows)
    return results


def _claim_key(
    connection: apsw.Connection, webhook: NewWebhook, wanted: IdempotencyKey
) -> Twin | KeyConflict | None:
    oldest = to_us(webhook.created_at - KEY_LIFETIME)
    found = fetch_one(connection, "known_key", (webhook.tenant, wanted.key, oldest))
    if found is None:
        row = (webhook.tenant, wanted.key, wanted.fingerprint, key_of(webhook.id))
        connection.execute(SQL["put_key"], (*row, to_us(webhook.created_at)))
        return None
    fingerprint, key, tail, created_at, state = found
    original = format_id(key, tail)
    if fingerprint != wanted.fingerprint:
        return KeyConflict(original)
    return Twin(original, from_us(created_at), STATES[state])
