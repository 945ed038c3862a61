"""How a webhook and its attempts look to a client."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from sureshot.api.paging import encode_cursor
from sureshot.api.submission import instant_text
from sureshot.domain.model import FINAL, Attempt, Webhook
from sureshot.ports import Page

PAYLOADS_PER_PAGE_BYTES = 4 << 20
"""A page with payloads ends once they are so large: it is held and sent as a whole."""


class LastAttempt(msgspec.Struct, frozen=True, rename="camel"):
    """The newest attempt in short."""

    number: int
    started_at: str
    status_code: int | None
    error: str | None
    duration_ms: float


class StatusView(msgspec.Struct, frozen=True, rename="camel"):
    """Where a webhook stands."""

    id: str
    status: str
    attempts: int
    created_at: str
    delivered_at: str | None
    next_attempt_at: str | None
    last_attempt: LastAttempt | None


class WebhookView(msgspec.Struct, frozen=True, rename="camel"):
    """Everything about a webhook; ``payload`` is the bytes that were submitted."""

    id: str
    status: str
    attempts: int
    created_at: str
    delivered_at: str | None
    next_attempt_at: str | None
    last_attempt: LastAttempt | None
    url: str | None
    endpoint_id: str | None
    method: str
    headers: dict[str, str]
    event_type: str | None
    timeout_seconds: float | None
    payload: msgspec.Raw


class ListedWebhook(StatusView, frozen=True):
    """Where a webhook stands; with ``include=payload`` everything about it."""

    url: str | UnsetType | None = UNSET
    endpoint_id: str | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    event_type: str | UnsetType | None = UNSET
    timeout_seconds: float | UnsetType | None = UNSET
    payload: msgspec.Raw | UnsetType = UNSET


class AttemptView(msgspec.Struct, frozen=True, rename="camel"):
    """One attempt with the receiver's answer; the body as text, at most 16 KiB."""

    number: int
    started_at: str
    status_code: int | None
    error: str | None
    error_detail: str | None
    duration_ms: float
    retry_after_seconds: float | None
    response_headers: list[tuple[str, str]]
    response_body: str


class WebhookList(msgspec.Struct, frozen=True, rename="camel"):
    """One page, newest first; a page may be short although ``nextCursor`` goes on."""

    items: list[ListedWebhook]
    next_cursor: str | None


class AttemptList(msgspec.Struct, frozen=True, rename="camel"):
    """All attempts of a webhook, oldest first."""

    items: list[AttemptView]
    next_cursor: str | None = None


def status_view(webhook: Webhook) -> StatusView:
    """Return where *webhook* stands."""
    return StatusView(
        id=webhook.id,
        status=webhook.state.value,
        attempts=webhook.attempts,
        created_at=instant_text(webhook.created_at),
        delivered_at=_text(webhook.delivered_at),
        next_attempt_at=None if webhook.state in FINAL else instant_text(webhook.due_at),
        last_attempt=last_attempt(webhook.last_attempt),
    )


def webhook_view(webhook: Webhook) -> WebhookView:
    """Return everything about *webhook*."""
    status = status_view(webhook)
    return WebhookView(
        **{name: getattr(status, name) for name in status.__struct_fields__},
        url=webhook.url,
        endpoint_id=webhook.endpoint_id,
        method=webhook.method,
        headers=dict(webhook.headers),
        event_type=webhook.event_type,
        timeout_seconds=webhook.timeout_s,
        payload=msgspec.Raw(webhook.payload),
    )


def webhook_list(page: Page, *, payloads: bool) -> WebhookList:
    """Return a page, with the *payloads* that were read or without."""
    view = webhook_view if payloads else status_view
    return WebhookList(
        [ListedWebhook(**msgspec.structs.asdict(view(item))) for item in page.items],
        None if page.next_after is None else encode_cursor(page.next_after),
    )


def attempt_view(attempt: Attempt) -> AttemptView:
    """Return one attempt."""
    outcome = attempt.outcome
    return AttemptView(
        number=attempt.number,
        started_at=instant_text(attempt.started_at),
        status_code=outcome.status,
        error=outcome.error,
        error_detail=outcome.detail or None,
        duration_ms=round(outcome.duration_s * 1000, 3),
        retry_after_seconds=outcome.retry_after_s,
        response_headers=_header_pairs(outcome.response_headers),
        response_body=outcome.response_body.decode("utf-8", "replace"),
    )


def _header_pairs(raw: bytes) -> list[tuple[str, str]]:
    lines = raw.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return [(name.strip(), value.strip()) for name, _colon, value in pairs]


def last_attempt(attempt: Attempt | None) -> LastAttempt | None:
    """Return *attempt* in short."""
    if attempt is None:
        return None
    outcome = attempt.outcome
    return LastAttempt(
        attempt.number,
        instant_text(attempt.started_at),
        outcome.status,
        outcome.error,
        round(outcome.duration_s * 1000, 3),
    )


def _text(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)
