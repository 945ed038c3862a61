"""Adding webhooks: COPY for a batch without keys, one transaction for one with."""

from __future__ import annotations

from collections.abc import Sequence

from sureshot.domain.ids import format_id
from sureshot.domain.model import IdempotencyKey, NewWebhook
from sureshot.ports import Added, AddResult, KeyConflict, LeaseTerms, Twin
from sureshot.store.postgres_pool import Connection, Database
from sureshot.store.postgres_schema import SQL
from sureshot.store.rows import STATES, Row, from_us, insert_row, key_of, newborn_lease, to_us

COLUMNS = (
    "key", "tail", "due_at", "lease_until", "owner", "leases_taken", "created_at", "lane",
    "tenant", "endpoint_id", "url", "method", "event_type", "timeout_s", "headers", "payload",
)  # fmt: skip

Batch = Sequence[tuple[NewWebhook, bool]]


async def add(database: Database, batch: Batch, terms: LeaseTerms) -> list[AddResult]:
    """Insert *batch*; see ``Store.add``."""
    if not any(webhook.idempotency for webhook, _leased in batch):
        async with database.connection() as connection:
            await copy(connection, [row_of(webhook, leased, terms) for webhook, leased in batch])
        return [added(webhook, leased, terms) for webhook, leased in batch]
    async with database.transaction() as connection:
        return await _add_keyed(connection, batch, terms)


async def copy(connection: Connection, rows: list[Row]) -> None:
    """Insert *rows* of webhooks."""
    if rows:
        await connection.copy_records_to_table("webhooks", records=rows, columns=COLUMNS)


def row_of(webhook: NewWebhook, leased: bool, terms: LeaseTerms) -> Row:
    """Return what COPY wants."""
    return insert_row(webhook, terms if leased else None, to_us(terms.expires_at))


def added(webhook: NewWebhook, leased: bool, terms: LeaseTerms) -> Added:
    """Return the answer to a webhook that was stored."""
    return Added(newborn_lease(webhook, terms) if leased else None)


async def _add_keyed(connection: Connection, batch: Batch, terms: LeaseTerms) -> list[AddResult]:
    firsts = _first_of_each_key(batch)
    ours = await _claim(connection, firsts)
    rows, results = [], list[Added | IdempotencyKey]()
    for webhook, leased in batch:
        if webhook.idempotency is None or key_of(webhook.id) in ours:
            rows.append(row_of(webhook, leased, terms))
            results.append(added(webhook, leased, terms))
        else:
            results.append(webhook.idempotency)
    await copy(connection, rows)
    if all(isinstance(result, Added) for result in results):
        return [result for result in results if isinstance(result, Added)]
    known = await _known(connection, firsts)
    return [
        result
        if isinstance(result, Added)
        else _answer(known[webhook.tenant, result.key], result.fingerprint)
        for (webhook, _leased), result in zip(batch, results, strict=True)
    ]


def _first_of_each_key(batch: Batch) -> list[NewWebhook]:
    """Return the first webhook of each key, sorted: all transactions lock in one order."""
    firsts: dict[tuple[str, str], NewWebhook] = {}
    for webhook, _leased in batch:
        if webhook.idempotency is not None:
            firsts.setdefault((webhook.tenant, webhook.idempotency.key), webhook)
    return [firsts[place] for place in sorted(firsts)]


async def _claim(connection: Connection, firsts: list[NewWebhook]) -> set[int]:
    keyed = [(one, one.idempotency) for one in firsts if one.idempotency is not None]
    records = await connection.fetch(
        SQL["claim_keys"],
        [one.tenant for one, _key in keyed],
        [key.key for _one, key in keyed],
        [key.fingerprint for _one, key in keyed],
        [key_of(one.id) for one, _key in keyed],
        [to_us(one.created_at) for one, _key in keyed],
    )
    return {record["webhook"] for record in records}


async def _known(
    connection: Connection, firsts: list[NewWebhook]
) -> dict[tuple[str, str], tuple[bytes, Twin]]:
    keys = [one.idempotency.key for one in firsts if one.idempotency is not None]
    records = await connection.fetch(SQL["known_keys"], [one.tenant for one in firsts], keys)
    return {
        (tenant, key): (
            fingerprint,
            Twin(format_id(webhook, tail), from_us(created_at), STATES[state]),
        )
        for tenant, key, fingerprint, webhook, tail, created_at, state in records
    }


def _answer(known: tuple[bytes, Twin], fingerprint: bytes) -> Twin | KeyConflict:
    original, twin = known
    return twin if fingerprint == original else KeyConflict(twin.id)
