"""Every route: where it is, what answers it, and what the documentation says of it."""

from __future__ import annotations

from typing import Any

import msgspec

from sureshot.api import admin, endpoint_bodies, webhook_views
from sureshot.api.explain import Explanation
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
    ("limit", "items per page, 1 to 200 (50)"),
    ("cursor", "nextCursor of the page before"),
)

_W = "/api/v1/webhooks"
_E = "/api/v1/endpoints"
_A = "/api/v1/admin"
_ENDPOINT = endpoint_bodies.EndpointView
_STATUS = webhook_views.StatusView

ROUTES: tuple[Route, ...] = (
    Route(_W, "webhooks", None, (
        Call("POST", "Submit a webhook", "submit", 202, SubmissionBody, Accepted,
             (("Idempotency-Key", "header: repeat a call safely for 24 h"),)),
        Call("GET", "List webhooks, newest first", "read", 200, None, webhook_views.WebhookList,
             LIST_PARAMETERS),
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
    Route("/api/v1/tenant", "tenant", None, (
        Call("GET", "The tenant's default signing secret", "manage", 200, None, admin.TenantView),
    )),
    Route(f"{_A}/queue/depth", "admin", "depth", (
        Call("GET", "How much waits where", "admin", 200, None, admin.Depth),
    )),
    Route(f"{_A}/stats", "admin", "stats", (
        Call("GET", "Totals since the start", "admin", 200, None, admin.Stats),
    )),
    Route(f"{_A}/pause", "admin", "pause", (
        Call("POST", "Stop sending; submissions are stored", "admin", 200, None, admin.Paused),
    )),
    Route(f"{_A}/resume", "admin", "resume", (
        Call("POST", "Send again", "admin", 200, None, admin.Paused),
    )),
    Route("/healthz", "health", None, (Call("GET", "Alive", None),)),
    Route("/readyz", "health", "ready", (Call("GET", "Ready for work", None),)),
    Route("/metrics", "health", "metrics", (Call("GET", "Prometheus metrics", None),)),
)  # fmt: skip
