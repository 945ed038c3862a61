"""Every route one user calls in a round, in an order in which each finds what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LATER = "<later>"
"""Stands for a day from now in a body."""
NOW = "<now>"
"""Stands for microseconds since the epoch: the sink measures from it."""


@dataclass(frozen=True)
class Call:
    """One call. ``path`` and ``body`` may hold ``{name}`` of something kept before.

    ``keeps``: the answer's ``id`` is kept under that name. ``submits``: so many
    webhooks are accepted by it and must arrive.
    """

    method: str
    path: str
    status: int = 200
    body: Any = None
    keeps: str = ""
    submits: int = 0
    admin: bool = False

    @property
    def route(self) -> str:
        """The route as a template, without query."""
        path = self.path.partition("?")[0]
        for name in ("endpoint", "webhook", "later", "event", "token", "oldest"):
            path = path.replace(f"{{{name}}}", "{id}")
        return f"{self.method} {path}"


_W, _E, _A = "/api/v1/webhooks", "/api/v1/endpoints", "/api/v1/admin"
_PAYLOAD = {"id": "route", "sent_at_us": NOW}
_ONE = {"endpointId": "{endpoint}", "payload": _PAYLOAD}

CALLS: tuple[Call, ...] = (
    Call("POST", _E, body={"name": "routes", "url": "{sink}", "secretKey": "{secret}",
                           "eventTypes": ["round.{round}"]}, keeps="endpoint"),
    Call("POST", _W, 202, _ONE, keeps="webhook", submits=1),
    Call("GET", f"{_W}/{{webhook}}/status"),
    Call("GET", f"{_W}/{{webhook}}"),
    Call("GET", f"{_W}/{{webhook}}/attempts"),
    Call("GET", f"{_W}/{{webhook}}/explain"),
    Call("POST", f"{_W}/batch", 202, {"webhooks": [_ONE] * 10}, submits=10),
    Call("GET", f"{_W}?limit=50"),
    Call("POST", _W, 202, {**_ONE, "deliverAt": LATER}, keeps="later"),
    Call("POST", f"{_W}/{{later}}/cancel", 202),
    Call("POST", f"{_W}/{{later}}/retry", 202),
    Call("POST", "/api/v1/events", 202, {"eventType": "round.{round}", "payload": _PAYLOAD},
         keeps="event"),
    Call("GET", "/api/v1/events/{event}"),
    Call("GET", f"{_E}?limit=50"),
    Call("GET", f"{_E}/{{endpoint}}"),
    Call("PATCH", f"{_E}/{{endpoint}}", body={"name": "renamed"}),
    Call("POST", f"{_E}/{{endpoint}}/disable"),
    Call("POST", f"{_E}/{{endpoint}}/enable"),
    Call("POST", f"{_E}/{{endpoint}}/rotate-secret"),
    Call("POST", f"{_E}/{{endpoint}}/test", 202),
    Call("POST", f"{_E}/{{endpoint}}/recover", body={"since": "2026-01-01T00:00:00Z"}),
    Call("GET", "/api/v1/tenant"),
    Call("GET", f"{_A}/queue/depth", admin=True),
    Call("GET", f"{_A}/stats", admin=True),
    Call("GET", f"{_A}/scaling", admin=True),
    Call("GET", f"{_A}/dead-letters", admin=True),
    Call("GET", f"{_A}/audit", admin=True),
    Call("GET", f"{_A}/tenants", admin=True),
    Call("POST", f"{_A}/tokens", body={"name": "routes", "scopes": ["read"]}, keeps="token",
         admin=True),
    Call("GET", f"{_A}/tokens", admin=True),
    Call("POST", f"{_A}/tokens/{{token}}/rotate", admin=True),
    Call("DELETE", f"{_A}/tokens/{{token}}", 204, admin=True),
    Call("GET", "/healthz"),
    Call("GET", "/readyz"),
    Call("GET", "/metrics"),
)  # fmt: skip
"""All but ``LEFT_OUT``."""

LEFT_OUT = (
    "POST /api/v1/admin/pause",
    "POST /api/v1/admin/resume",
    "POST /api/v1/admin/tenants",
)
"""What is the whole deployment's: nobody who measures may touch it."""

DELETE = Call("DELETE", f"{_E}/{{oldest}}", 204)
"""Made many rounds after the endpoint: deleting it cancels what is under way to it."""
