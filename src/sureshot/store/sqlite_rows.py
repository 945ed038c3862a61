"""How the nouns look as SQLite rows, and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import apsw
import msgspec

from sureshot.domain.ids import format_id, parse_id
from sureshot.domain.model import (
    Attempt,
    ErrorKind,
    Headers,
    Lease,
    NewWebhook,
    Outcome,
    Webhook,
    WebhookState,
)
from sureshot.ports import LeaseTerms
from sureshot.store.queries import named_queries

SQL = named_queries("sqlite.sql")

STATES = (
    WebhookState.QUEUED,
    WebhookState.RETRYING,
    WebhookState.DELIVERED,
    WebhookState.FAILED,
    WebhookState.CANCELLED,
)
CODES = {state: code for code, state in enumerate(STATES)}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode_headers = msgspec.json.Encoder().encode
_decode_headers = msgspec.json.Decoder(Headers).decode

Row = tuple[Any, ...]


def fetch(connection: apsw.Connection, query: str, values: Sequence[Any] = ()) -> list[Row]:
    """Return the rows of the named query."""
    return connection.execute(SQL[query], values).fetchall()


def fetch_one(connection: apsw.Connection, query: str, values: Sequence[Any] = ()) -> Row | None:
    """Return the first row of the named query, or None."""
    row: Row | None = connection.execute(SQL[query], values).fetchone()
    return row


def to_us(at: datetime) -> int:
    """Return *at* as whole microseconds since the epoch."""
    return round(at.timestamp() * 1e6)


def from_us(us: int) -> datetime:
    """Return the instant *us* microseconds after the epoch; the inverse of ``to_us``."""
    return _EPOCH + timedelta(microseconds=us)


def key_of(webhook_id: str) -> int:
    """Return the integer key of a well-formed webhook id."""
    parsed = parse_id(webhook_id)
    if parsed is None:
        raise ValueError(f"not a webhook id: {webhook_id!r}")
    return parsed[0]


def insert_row(webhook: NewWebhook, terms: LeaseTerms | None, lease_until: int | None) -> Row:
    """Return the parameters of ``insert_webhook``; free when *terms* is None."""
    parsed = parse_id(webhook.id)
    if parsed is None:
        raise ValueError(f"not a webhook id: {webhook.id!r}")
    created_at = to_us(webhook.created_at)
    due_at = created_at if webhook.due_at is webhook.created_at else to_us(webhook.due_at)
    return (
        parsed[0],
        parsed[1],
        due_at,
        None if terms is None else lease_until,
        None if terms is None else terms.owner,
        0 if terms is None else 1,
        created_at,
        webhook.lane,
        webhook.tenant,
        webhook.endpoint_id,
        webhook.url,
        webhook.method,
        webhook.event_type,
        webhook.timeout_s,
        _encode_headers(webhook.headers).decode() if webhook.headers else None,
        webhook.payload,
    )


def newborn_lease(webhook: NewWebhook, terms: LeaseTerms) -> Lease:
    """Return the lease a webhook is born with."""
    return Lease(
        webhook.id,
        1,
        1,
        1,
        terms.expires_at,
        webhook.tenant,
        webhook.lane,
        webhook.endpoint_id,
        webhook.url,
        webhook.method,
        webhook.headers,
        webhook.payload,
        webhook.created_at,
        webhook.timeout_s,
    )


def lease_from_row(row: Row, expires_at: datetime) -> Lease:
    """Return the lease that ``take_lease`` has just written."""
    key, tail, token, attempts, step, tenant, lane, endpoint_id, url, method = row[:10]
    headers, payload, created_at, timeout_s = row[10:]
    return Lease(
        format_id(key, tail),
        token,
        attempts + 1,
        step + 1,
        expires_at,
        tenant,
        lane,
        endpoint_id,
        url,
        method,
        _decode_headers(headers) if headers else (),
        payload,
        from_us(created_at),
        timeout_s,
    )


def attempt_row(key: int, attempt: Attempt, number: int) -> Row:
    """Return the parameters of ``insert_attempt``."""
    outcome = attempt.outcome
    return (
        key,
        number,
        to_us(attempt.started_at),
        outcome.duration_s,
        outcome.status,
        outcome.error,
        outcome.detail or None,
        outcome.retry_after_s,
        outcome.response_headers,
        outcome.response_body,
    )


def attempt_from_row(row: Row) -> Attempt:
    """Return the attempt that ``attempts`` or ``last_attempt`` found."""
    number, started_at, duration_s, status, error, detail, retry_after_s, headers, body = row
    outcome = Outcome(
        status=status,
        error=None if error is None else ErrorKind(error),
        duration_s=duration_s,
        retry_after_s=retry_after_s,
        response_headers=headers,
        response_body=body,
        detail=detail or "",
    )
    return Attempt(number, from_us(started_at), outcome)


def webhook_from_row(row: Row, last_attempt: Attempt | None) -> Webhook:
    """Return the webhook a ``SELECT *`` found; column order is the schema's."""
    key, tail, state, _token, due_at, lease_until, _owner, leases_taken, attempts, step = row[:10]
    created_at, delivered_at, lane, tenant, endpoint_id, url, method = row[10:17]
    event_type, timeout_s, headers, payload = row[17:]
    return Webhook(
        id=format_id(key, tail),
        tenant=tenant,
        state=STATES[state],
        lane=lane,
        endpoint_id=endpoint_id,
        url=url,
        method=method,
        headers=_decode_headers(headers) if headers else (),
        payload=payload,
        event_type=event_type,
        timeout_s=timeout_s,
        created_at=from_us(created_at),
        due_at=from_us(due_at),
        delivered_at=None if delivered_at is None else from_us(delivered_at),
        attempts=attempts,
        schedule_step=step,
        leases_taken=leases_taken,
        leased=lease_until is not None,
        last_attempt=last_attempt,
    )


def keys_and_tokens(leases: Sequence[Lease]) -> list[tuple[int, int]]:
    """Return what fences each lease."""
    return [(key_of(lease.webhook_id), lease.token) for lease in leases]
