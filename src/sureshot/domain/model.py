"""The nouns: webhook states, submissions, leases, attempts, outcomes, endpoints.

Frozen values without behaviour, I/O or clock. They are msgspec structs because
several are built for every webhook: a struct costs a tenth of a frozen dataclass.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

DEFAULT_TENANT = "default"
"""The tenant that is always there; its administrators run the deployment."""

Headers = tuple[tuple[str, str], ...]
"""Header names as the caller wrote them, with their values; order kept."""


class WebhookState(StrEnum):
    """Where one webhook stands; ``FINAL`` states change only by an explicit retry."""

    QUEUED = "queued"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({WebhookState.DELIVERED, WebhookState.FAILED, WebhookState.CANCELLED})


class Algorithm(StrEnum):
    """How an endpoint's webhooks are signed."""

    SHA256 = "sha256"
    SHA512 = "sha512"
    ED25519 = "ed25519"


class ErrorKind(StrEnum):
    """Why an attempt brought no usable response, as precisely as the sender can tell."""

    ADDRESS_DENIED = "address_denied"
    DNS_FAILED = "dns_failed"
    DNS_TIMEOUT = "dns_timeout"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT_FAILED = "connect_failed"
    PROXY_FAILED = "proxy_failed"
    TLS_FAILED = "tls_failed"
    TLS_TIMEOUT = "tls_timeout"
    WRITE_TIMEOUT = "write_timeout"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    DISCONNECTED = "disconnected"
    MALFORMED_RESPONSE = "malformed_response"
    TOO_MANY_HEADERS = "too_many_headers"
    HEADERS_TOO_LARGE = "headers_too_large"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_INTERIM_RESPONSES = "too_many_interim_responses"
    ENDPOINT_GONE = "endpoint_gone"
    WORKER_CRASHED = "worker_crashed"
    SENDER_CLOSED = "sender_closed"


KEY_LIFETIME = timedelta(hours=24)
"""So long an idempotency key stands for the request it came with."""


class IdempotencyKey(msgspec.Struct, frozen=True, gc=False):
    """The caller's key and the sha256 of the decoded request it stands for."""

    key: str
    fingerprint: bytes


class NewWebhook(msgspec.Struct, frozen=True, gc=False):
    """A validated submission with its identity, not stored yet.

    Exactly one of ``endpoint_id`` and ``url`` is set. ``lane`` is the endpoint's
    id, else ``tenant|scheme://host:port``.
    """

    id: str
    tenant: str
    lane: str
    endpoint_id: str | None
    url: str | None
    method: str
    headers: Headers
    payload: bytes
    event_type: str | None
    created_at: datetime
    due_at: datetime
    timeout_s: float | None = None
    idempotency: IdempotencyKey | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened, published once; ``webhooks`` is how many it became."""

    id: str
    tenant: str
    event_type: str
    payload: bytes
    created_at: datetime
    webhooks: int
    idempotency: IdempotencyKey | None = None


class Lease(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The exclusive right to make one attempt at one webhook until ``expires_at``.

    A webhook is born leased: ``Store.add`` returns leases and the queue carries
    them. ``token`` fences late writers: once the lease was taken anew,
    ``Store.record`` refuses this one. An endpoint's own url, headers and
    secrets are looked up when sending, so they are never stale and never lie
    in a broker. ``attempt_number`` is what this attempt will be called, from 1;
    ``schedule_step`` is the same count since the schedule was last restarted.
    ``due_at``: when a first attempt became due after it was accepted (``deliverAt``, postponed,
    retried by hand), else None.
    """

    webhook_id: str
    token: int
    attempt_number: int
    schedule_step: int
    expires_at: datetime
    tenant: str
    lane: str
    endpoint_id: str | None
    url: str | None
    method: str
    headers: Headers
    payload: bytes
    created_at: datetime
    timeout_s: float | None = None
    due_at: datetime | None = None


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What one attempt brought back: a response, or the reason there is none.

    ``status`` is None when no response head arrived. ``error`` may be set
    beside a status when the response broke off later; the status still counts.
    ``retry_after_s`` is the receiver's wish, already relative to now.
    ``response_headers`` is the raw head after the status line, ``response_body``
    at most the first 16 KiB.
    """

    status: int | None
    error: ErrorKind | None
    duration_s: float
    retry_after_s: float | None = None
    response_headers: bytes = b""
    response_body: bytes = b""
    detail: str = ""


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One HTTP request for one webhook; ``number`` counts from 1; append-only."""

    number: int
    started_at: datetime
    outcome: Outcome


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The state a webhook moves to, and when it is due again (only if retrying)."""

    state: WebhookState
    due_at: datetime | None = None
    disable_endpoint: bool = False


class Result(msgspec.Struct, frozen=True, gc=False):
    """What the recorder writes: the lease used up, the attempt made, what follows."""

    lease: Lease
    attempt: Attempt
    decision: Decision


class Webhook(msgspec.Struct, frozen=True):
    """One stored webhook as the store knows it now."""

    id: str
    tenant: str
    state: WebhookState
    lane: str
    endpoint_id: str | None
    url: str | None
    method: str
    headers: Headers
    payload: bytes
    event_type: str | None
    timeout_s: float | None
    created_at: datetime
    due_at: datetime
    delivered_at: datetime | None
    attempts: int
    schedule_step: int
    leases_taken: int
    leased: bool
    last_attempt: Attempt | None = None


class Secret(msgspec.Struct, frozen=True):
    """One signing key; ``expires_at`` is set while it is being rotated out."""

    key: str
    expires_at: datetime | None = None


class Endpoint(msgspec.Struct, frozen=True):
    """A customer's url with secrets, filters, limits and state.

    ``disabled_reason`` is None while enabled, else ``manual``, ``gone`` (the
    receiver answered 410) or ``failing``. ``secrets[0]`` is the current one.
    """

    id: str
    tenant: str
    name: str
    url: str
    secrets: tuple[Secret, ...]
    created_at: datetime
    updated_at: datetime
    algorithm: Algorithm = Algorithm.SHA256
    event_types: tuple[str, ...] = ("*",)
    headers: Headers = ()
    rate_limit_per_s: float | None = None
    max_in_flight: int | None = None
    timeout_s: float | None = None
    retry_schedule_s: tuple[float, ...] | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    disabled_reason: str | None = None

    @property
    def enabled(self) -> bool:
        """Whether webhooks are sent to it; a disabled endpoint holds its backlog."""
        return self.disabled_reason is None


class Tenant(msgspec.Struct, frozen=True):
    """Whose endpoints and webhooks these are, with the default signing secret."""

    id: str
    secrets: tuple[Secret, ...]


class Scope(StrEnum):
    """What a token may do."""

    SUBMIT = "submit"
    READ = "read"
    MANAGE = "manage"
    ADMIN = "admin"


class Token(msgspec.Struct, frozen=True):
    """A stored bearer token: only its sha256 is kept."""

    id: str
    digest: bytes
    tenant: str
    scopes: frozenset[Scope]
    name: str
    created_at: datetime


class Action(StrEnum):
    """An administrative act, as the audit log names it."""

    TOKEN_CREATE = "token.create"  # noqa: S105 - names an act
    TOKEN_ROTATE = "token.rotate"  # noqa: S105
    TOKEN_REVOKE = "token.revoke"  # noqa: S105
    TENANT_CREATE = "tenant.create"
    PAUSE = "sending.pause"
    RESUME = "sending.resume"
    ENDPOINT_CREATE = "endpoint.create"
    ENDPOINT_UPDATE = "endpoint.update"
    ENDPOINT_DELETE = "endpoint.delete"
    ENDPOINT_ROTATE_SECRET = "endpoint.rotate-secret"  # noqa: S105
    ENDPOINT_ENABLE = "endpoint.enable"
    ENDPOINT_DISABLE = "endpoint.disable"
    ENDPOINT_RECOVER = "endpoint.recover"


class AuditEntry(msgspec.Struct, frozen=True):
    """Who did what to what, and when; append-only.

    ``subject`` is the id of what was acted on. ``tenant`` is whose log it is in,
    which is not always the tenant of the token.
    """

    id: str
    tenant: str
    at: datetime
    token_id: str
    token_name: str
    action: Action
    subject: str
