"""How the nouns look as database rows, and back; the same columns in every store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from sureshot.domain.ids import AHEAD_MS, format_id, parse_id
from sureshot.domain.model import (
    Action,
    Attempt,
    AuditEntry,
    ErrorKind,
    Event,
    Headers,
    Lease,
    NewWebhook,
    Outcome,
    Result,
    Webhook,
    WebhookState,
)
from sureshot.ports import FULL, LeaseTerms

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

LANES_PER_CALL = 2000
"""How many lanes one call looks at; the next call goes on where this one stopped."""
ROWS_PER_PAGE = 20_000
"""How many rows one page of a list may look at before it ends early."""
SUSPECT_AFTER = 5
"""A webhook whose owner vanished this often is leased alone..."""
CRASHES_ALLOWED = 8
"""...and after this many it is failed with ``worker_crashed``."""
LISTED = (
    "key, tail, state, token, due_at, lease_until, owner, leases_taken, attempts,"
    " schedule_step, created_at, delivered_at, lane, tenant, endpoint_id, url, method,"
    " event_type, timeout_s, headers"
)
"""The columns of a webhook but its payload, the last one, in the schema's order."""
NEVER_US = 1 << 62
MICROSECOND = timedelta(microseconds=1)
LANES_KEPT = timedelta(days=1)
"""A lane whose closing ended so long ago is forgotten: nobody came back to it."""


def to_us(at: datetime) -> int:
    """Return *at* as whole microseconds since the epoch."""
    return round(at.timestamp() * 1e6)


def from_us(us: int) -> datetime:
    """Return the instant *us* microseconds after the epoch; the inverse of ``to_us``."""
    return _EPOCH + timedelta(microseconds=us)


def first_key(at: datetime) -> int:
    """Return the lowest key an id made at *at* can have."""
    return (to_us(at) // 1000) << 12


def key_beyond(at: datetime) -> int:
    """Return a key above that of every webhook made before *at*; younger ones may be below.

    In a burst ids are used up faster than time passes, and keys run ahead of it.
    """
    return first_key(at) + (AHEAD_MS << 12)


def key_of(webhook_id: str) -> int:
    """Return the integer key of a well-formed webhook id."""
    parsed = parse_id(webhook_id)
    if parsed is None:
        raise ValueError(f"not a webhook id: {webhook_id!r}")
    return parsed[0]


def place_id(key: int) -> str:
    """Return what a page may begin after when the row at *key* may be another tenant's.

    It tells when that row was made, and nothing of its id that nobody could guess.
    """
    return format_id(key, 0)


def place_of(text: str, prefix: str) -> tuple[int, int]:
    """Return key and tail of a well-formed id of *prefix*: together they are its place."""
    parsed = parse_id(text, prefix)
    if parsed is None:
        raise ValueError(f"not an id of {prefix}: {text!r}")
    return parsed


def place_before(after: str | None, prefix: str) -> tuple[int, int]:
    """Return the place below which a page begins; above every other when *after* is None."""
    return (NEVER_US, 0) if after is None else place_of(after, prefix)


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


def sendable_us(due_us: int, until_us: int | None, reason: str | None) -> int:
    """Return since when a lane's first webhook, due at *due_us*, is not held back (µs).

    *reason* is why the lane is closed, None while it is open; *until_us* None: not by
    time. One that is full is not held back for its receiver: this service is behind.
    """
    if reason is None or reason == FULL:
        return due_us
    return NEVER_US if until_us is None else max(due_us, until_us)


def oldest_overdue(sendable: Iterable[int], now: datetime) -> datetime | None:
    """Return the earliest of *sendable* (µs) that is not after *now*."""
    oldest_us = min(sendable, default=NEVER_US)
    return from_us(oldest_us) if oldest_us <= to_us(now) else None


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
    headers, payload, created_at, timeout_s, due_at = row[10:]
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
        from_us(due_at) if due_at > created_at and not attempts else None,
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


def fitting(sizes: Sequence[int], limit_bytes: int) -> int:
    """Return how many of the first *sizes* are within *limit_bytes*; one always is."""
    total = 0
    for number, size_bytes in enumerate(sizes):
        total += size_bytes
        if number and total > limit_bytes:
            return number
    return len(sizes)


def webhook_from_row(row: Row, last_attempt: Attempt | None, payload: bytes = b"") -> Webhook:
    """Return the webhook of the columns ``LISTED``, and its payload where that was read."""
    key, tail, state, _token, due_at, lease_until, _owner, leases_taken, attempts, step = row[:10]
    created_at, delivered_at, lane, tenant, endpoint_id, url, method = row[10:17]
    event_type, timeout_s, headers = row[17:]
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


def decision_row(key: int, result: Result, number: int) -> Row:
    """Return the parameters of ``apply_decision``; the attempt is called *number*."""
    decision = result.decision
    return (
        CODES[decision.state],
        None if decision.due_at is None else to_us(decision.due_at),
        delivered_at_us(result) if decision.state is WebhookState.DELIVERED else None,
        number,
        result.lease.schedule_step,
        key,
        result.lease.token,
    )


def delivered_at_us(result: Result) -> int:
    """Return when the receiver's answer was there."""
    attempt = result.attempt
    return to_us(attempt.started_at) + round(attempt.outcome.duration_s * 1e6)


def audit_row(entry: AuditEntry) -> Row:
    """Return the parameters of ``insert_audit``."""
    who = (entry.token_id, entry.token_name)
    place = place_of(entry.id, "aud")
    return (*place, entry.tenant, to_us(entry.at), *who, entry.action.value, entry.subject)


def audit_from_row(row: Row) -> AuditEntry:
    """Return the entry that ``audit`` found."""
    key, tail, tenant, at, token_id, token_name, action, subject = row
    return AuditEntry(
        format_id(key, tail, "aud"),
        tenant,
        from_us(at),
        token_id,
        token_name,
        Action(action),
        subject,
    )


def event_row(event: Event) -> Row:
    """Return the parameters of ``insert_event``."""
    place = place_of(event.id, "ev")
    what = (event.event_type, event.payload)
    return (*place, event.tenant, *what, to_us(event.created_at), event.webhooks)


def event_from_row(row: Row) -> Event:
    """Return the event that ``event`` found."""
    key, tail, tenant, event_type, payload, created_at, webhooks = row
    return Event(
        format_id(key, tail, "ev"), tenant, event_type, payload, from_us(created_at), webhooks
    )
