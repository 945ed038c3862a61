"""Every route: where it is, what answers it, and what the documentation says of it."""

from __future__ import annotations

from typing import Any

import msgspec

from sureshot.api import admin, audit, dead_letters, endpoint_bodies, events, tokens, webhook_views
from sureshot.api.explain import Explanation
from sureshot.api.scaling import ScalingView
from sureshot.api.submission import SubmissionBody


class Call(msgspec.Struct, frozen=True):
    """One method of a route, as documented. ``scope`` None needs no token."""

    method: str
    summary: str
    scope: str | None
    status: int = 200
    body: Any = None
    answer: Any = None
    parameters: tuple[tuple[str, str], ...] = ()


class Route(msgspec.Struct, frozen=True):
    """A path with the resource (and its suffix) that serves it."""

    path: str
    resource: str
    suffix: str | None
    calls: tuple[Call, ...]


class Accepted(msgspec.Struct, frozen=True, rename="camel"):
    """A webhook that is stored durably and will be delivered."""

    id: str
    status: str
    created_at: str


class BatchItem(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The answer to one item of a batch: what a single call answers, or a problem."""

    id: str | None = None
    status: str | None = None
    created_at: str | None = None
    error: dict[str, Any] | None = None


class BatchAccepted(msgspec.Struct, frozen=True):
    """One answer per item, in order."""

    webhooks: list[BatchItem]


class Batch(msgspec.Struct, frozen=True):
    """Up to 1,000 submissions."""

    webhooks: list[SubmissionBody]


LIST_PARAMETERS = (
    ("status", "queued, retrying, delivered, failed or cancelled"),
    ("endpointId", "only webhooks of this endpoint"),
    ("eventType", "only webhooks of exactly this type"),
    ("since", "created at or after this instant (RFC 3339)"),
    ("until", "created before this instant (RFC 3339)"),
)

KEY_PARAMETERS = (("Idempotency-Key", "header: repeat a call safely for 24 h"),)
INCLUDE_PARAMETERS = (
    ("include", "payload: each item is everything about its webhook, as from the call for one; "
     "a page ends early once its payloads have 4 MiB"),
)  # fmt: skip
PAGE_PARAMETERS = (
    ("limit", "items per page, 1 to 200 (50)"),
    ("cursor", "nextCursor of the page before"),
)

_W = "/api/v1/webhooks"
_E = "/api/v1/endpoints"
_A = "/api/v1/admin"
_V = "/api/v1/events"
_ENDPOINT = endpoint_bodies.EndpointView
_STATUS = webhook_views.StatusView

SUBMISSION_PATHS = (_W, f"{_W}/batch", _V)
"""Where webhooks come in, by POST."""

ROUTES: tuple[Route, ...] = (
    Route(_W, "webhooks", None, (
        Call("POST", "Submit a webhook", "submit", 202, SubmissionBody, Accepted,
             KEY_PARAMETERS),
        Call("GET", "List webhooks, newest first", "read", 200, None, webhook_views.WebhookList,
             LIST_PARAMETERS + INCLUDE_PARAMETERS + PAGE_PARAMETERS),
    )),
    Route(f"{_W}/batch", "webhooks", "batch", (
        Call("POST", "Submit up to 1,000 webhooks", "submit", 202, Batch, BatchAccepted),
    )),
    Route(f"{_W}/{{webhook_id}}", "webhook", None, (
        Call("GET", "Everything about a webhook", "read", 200, None, webhook_views.WebhookView),
    )),
    Route(f"{_W}/{{webhook_id}}/status", "webhook", "status", (
        Call("GET", "Where a webhook stands", "read", 200, None, _STATUS),
    )),
    Route(f"{_W}/{{webhook_id}}/attempts", "webhook", "attempts", (
        Call("GET", "Its attempts, oldest first", "read", 200, None, webhook_views.AttemptList),
    )),
    Route(f"{_W}/{{webhook_id}}/explain", "webhook", "explain", (
        Call("GET", "Why it is not delivered yet, what happens next and when", "read", 200, None,
             Explanation),
    )),
    Route(f"{_W}/{{webhook_id}}/retry", "webhook", "retry", (
        Call("POST", "Make it due now, with a fresh schedule", "manage", 202, None, _STATUS,
             (("force", "true: also when it is delivered already"),)),
    )),
    Route(f"{_W}/{{webhook_id}}/cancel", "webhook", "cancel", (
        Call("POST", "Cancel it, unless it is final", "manage", 202, None, _STATUS),
    )),
    Route(_V, "events", None, (
        Call("POST", "Publish an event: a webhook for every endpoint that wants its type",
             "submit", 202, events.EventBody, events.EventAccepted, KEY_PARAMETERS),
    )),
    Route(f"{_V}/{{event_id}}", "events", "one", (
        Call("GET", "An event, and how many webhooks it became", "read", 200, None,
             events.EventView),
    )),
    Route(_E, "endpoints", None, (
        Call("POST", "Create an endpoint; the only call that shows its secret", "manage", 200,
             endpoint_bodies.EndpointBody, _ENDPOINT),
        Call("GET", "List endpoints, newest first", "read", 200, None,
             endpoint_bodies.EndpointList),
    )),
    Route(f"{_E}/{{endpoint_id}}", "endpoint", None, (
        Call("GET", "One endpoint", "read", 200, None, _ENDPOINT),
        Call("PATCH", "Change what is given", "manage", 200, endpoint_bodies.EndpointPatch,
             _ENDPOINT),
        Call("DELETE", "Delete it and cancel what waits for it", "manage", 204),
    )),
    Route(f"{_E}/{{endpoint_id}}/rotate-secret", "endpoint", "rotate", (
        Call("POST", "New secret; the old one signs on during the overlap", "manage", 200,
             endpoint_bodies.RotateBody, _ENDPOINT),
    )),
    Route(f"{_E}/{{endpoint_id}}/enable", "endpoint", "enable", (
        Call("POST", "Enable it; its backlog is delivered", "manage", 200, None, _ENDPOINT),
    )),
    Route(f"{_E}/{{endpoint_id}}/disable", "endpoint", "disable", (
        Call("POST", "Disable it; its backlog is held", "manage", 200, None, _ENDPOINT),
    )),
    Route(f"{_E}/{{endpoint_id}}/test", "endpoint", "test", (
        Call("POST", "Send it a test webhook", "submit", 202, None, Accepted),
    )),
    Route(f"{_E}/{{endpoint_id}}/recover", "recovery", None, (
        Call("POST", "Retry its dead letters, spread over time; at most 2,000 a call", "manage",
             200, dead_letters.RecoverBody, dead_letters.Recovered),
    )),
    Route("/api/v1/tenant", "tenant", None, (
        Call("GET", "The tenant's default signing secret", "manage", 200, None, admin.TenantView),
    )),
    Route(f"{_A}/queue/depth", "admin", "depth", (
        Call("GET", "How much waits where", "admin", 200, None, admin.Depth),
    )),
    Route(f"{_A}/stats", "admin", "stats", (
        Call("GET", "Totals since the start", "admin", 200, None, admin.Stats),
    )),
    Route(f"{_A}/scaling", "scaling", None, (
        Call("GET", "How many replicas of each role are wanted, and why", "admin", 200, None,
             ScalingView),
    )),
    Route(f"{_A}/pause", "admin", "pause", (
        Call("POST", "Stop sending; submissions are stored", "admin", 200, None, admin.Paused),
    )),
    Route(f"{_A}/resume", "admin", "resume", (
        Call("POST", "Send again", "admin", 200, None, admin.Paused),
    )),
    Route(f"{_A}/dead-letters", "dead_letters", None, (
        Call("GET", "Webhooks that failed for good, newest first", "admin", 200, None,
             dead_letters.DeadLetterList,
             (*LIST_PARAMETERS[1:], *PAGE_PARAMETERS,
              ("Accept", "header: application/x-ndjson streams all of them, one a line"))),
    )),
    Route(f"{_A}/tokens", "tokens", None, (
        Call("GET", "List tokens, newest first", "admin", 200, None, tokens.TokenList),
        Call("POST", "Create a token; the only call that shows its text", "admin", 200,
             tokens.TokenBody, tokens.TokenView),
    )),
    Route(f"{_A}/tokens/{{token_id}}", "tokens", "one", (
        Call("DELETE", "Revoke a token; it stops at once", "admin", 204),
    )),
    Route(f"{_A}/tokens/{{token_id}}/rotate", "tokens", "rotate", (
        Call("POST", "New text; the old one stops at once", "admin", 200, None, tokens.TokenView),
    )),
    Route(f"{_A}/tenants", "tenants", None, (
        Call("GET", "List tenants", "admin", 200, None, tokens.TenantList),
        Call("POST", "Create a tenant", "admin", 200, tokens.TenantBody, tokens.TenantItem),
    )),
    Route(f"{_A}/audit", "audit", None, (
        Call("GET", "Who did what, newest first", "admin", 200, None, audit.AuditList,
             PAGE_PARAMETERS),
    )),
    Route("/healthz", "health", None, (Call("GET", "Alive", None),)),
    Route("/readyz", "health", "ready", (Call("GET", "Ready for work", None),)),
    Route("/metrics", "health", "metrics", (Call("GET", "Prometheus metrics", None),)),
)  # fmt: skip
