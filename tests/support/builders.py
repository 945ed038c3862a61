"""Nouns with sensible defaults, to change one thing at a time."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sureshot.domain.ids import IdSource
from sureshot.domain.model import (
    Action,
    Attempt,
    AuditEntry,
    Decision,
    Endpoint,
    ErrorKind,
    Event,
    IdempotencyKey,
    Lease,
    NewWebhook,
    Outcome,
    Result,
    Secret,
    WebhookState,
)
from sureshot.ports import ClosedLane, LeaseTerms
from tests.support.clock import NOON

_sources: dict[datetime, IdSource] = {}


def _new_id(at: datetime, prefix: str = "wh") -> str:
    """Return an id of exactly that instant: one source would never go back in time."""
    return _sources.setdefault(at, IdSource(secrets.randbits)).new(at, prefix)


def webhook(**changes: Any) -> NewWebhook:
    """Return a new webhook to an unregistered url."""
    created_at: datetime = changes.pop("created_at", NOON)
    made = NewWebhook(
        id=_new_id(created_at),
        tenant="default",
        lane="default|http://127.0.0.1:9099",
        endpoint_id=None,
        url="http://127.0.0.1:9099/hook",
        method="POST",
        headers=(),
        payload=b'{"n":1}',
        event_type=None,
        created_at=created_at,
        due_at=created_at,
    )
    return msgspec.structs.replace(made, **changes)


def keyed(key: str, fingerprint: bytes = b"same", **changes: Any) -> NewWebhook:
    """Return a new webhook with an idempotency key."""
    return webhook(idempotency=IdempotencyKey(key, fingerprint), **changes)


def terms(owner: str = "p_1", *, now: datetime = NOON, lasts_s: float = 60.0) -> LeaseTerms:
    """Return lease terms."""
    return LeaseTerms(owner, now + timedelta(seconds=lasts_s))


def closing(lane: str, until: datetime | None, reason: str) -> dict[str, ClosedLane | None]:
    """Return what closes one lane."""
    return {lane: ClosedLane(lane, until, reason)}


def lease(**changes: Any) -> Lease:
    """Return the first lease of a webhook to an unregistered url."""
    new = webhook()
    made = Lease(
        webhook_id=new.id,
        token=1,
        attempt_number=1,
        schedule_step=1,
        expires_at=NOON + timedelta(seconds=60),
        tenant=new.tenant,
        lane=new.lane,
        endpoint_id=None,
        url=new.url,
        method=new.method,
        headers=(),
        payload=new.payload,
        created_at=new.created_at,
    )
    return msgspec.structs.replace(made, **changes)


def delivered(
    lease: Lease, *, at: datetime = NOON, status: int = 200, body: bytes = b"ok"
) -> Result:
    """Return the result of a success."""
    outcome = Outcome(status, None, 0.25, None, b"server: test\r\n", body)
    return Result(
        lease, Attempt(lease.attempt_number, at, outcome), Decision(WebhookState.DELIVERED)
    )


def retrying(lease: Lease, due_at: datetime, *, at: datetime = NOON) -> Result:
    """Return the result of a failure that will be tried again."""
    outcome = Outcome(None, ErrorKind.CONNECT_REFUSED, 0.1, detail="refused")
    decision = Decision(WebhookState.RETRYING, due_at)
    return Result(lease, Attempt(lease.attempt_number, at, outcome), decision)


def failed(lease: Lease, *, at: datetime = NOON) -> Result:
    """Return the result of a failure that ends the schedule."""
    outcome = Outcome(500, None, 0.1)
    return Result(lease, Attempt(lease.attempt_number, at, outcome), Decision(WebhookState.FAILED))


def endpoint(**changes: Any) -> Endpoint:
    """Return an enabled endpoint."""
    made = Endpoint(
        id=_new_id(NOON, "ep"),
        tenant="default",
        name="Billing",
        url="http://127.0.0.1:9099/hook",
        secrets=(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),),
        created_at=NOON,
        updated_at=NOON,
    )
    return msgspec.structs.replace(made, **changes)


def audit_entry(**changes: Any) -> AuditEntry:
    """Return an entry of the audit log."""
    at: datetime = changes.pop("at", NOON)
    made = AuditEntry(
        id=_new_id(at, "aud"),
        tenant="default",
        at=at,
        token_id="tok_1",
        token_name="ci",
        action=Action.ENDPOINT_CREATE,
        subject="ep_1",
    )
    return msgspec.structs.replace(made, **changes)


def event(*, key: str | None = None, fingerprint: bytes = b"same", **changes: Any) -> Event:
    """Return an event that became nothing."""
    created_at: datetime = changes.pop("created_at", NOON)
    made = Event(
        id=_new_id(created_at, "ev"),
        tenant="default",
        event_type="invoice.paid",
        payload=b'{"n":1}',
        created_at=created_at,
        webhooks=0,
        idempotency=None if key is None else IdempotencyKey(key, fingerprint),
    )
    return msgspec.structs.replace(made, **changes)
