"""Every API route, called by one client in turn: latencies that nothing else adds to."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sureshot_lab.errors import TargetUnreachable
from sureshot_lab.result import Table

TIMEOUT_S = 30.0
KEPT_ROUNDS = 50
"""An endpoint is deleted so many rounds later: deleting it cancels what is under way to it."""


@dataclass
class RouteTimes:
    """Seconds of each call by route, and the calls that were not answered as they should be."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    accepted_ids: list[str] = field(default_factory=list)
    submitted: int = 0

    def table(self) -> Table:
        """Return p50, p95 and p99 of each route in milliseconds."""
        rows: list[list[str | float | int | None]] = []
        for route, times in sorted(self.seconds.items()):
            ordered = sorted(times)
            shares = [_quantile(ordered, share) * 1000 for share in (0.5, 0.95, 0.99)]
            rows.append(
                [route, len(times), *[round(ms, 3) for ms in shares], self.wrong.get(route, 0)]
            )
        return Table(
            name="routes",
            title="Latency of every route, one client, warm-up dropped",
            columns=["Route", "Calls", "p50 ms", "p95 ms", "p99 ms", "Wrong answers"],
            rows=rows,
        )


class RouteCaller:
    """One client on one kept-alive connection, going through every route again and again.

    ``endpoints`` are those it made and has not deleted. ``stopping`` ends ``run`` early.
    """

    def __init__(
        self, url: str, token: str, admin_token: str | None, sink_url: str, secret: str
    ) -> None:
        """*secret* signs what goes to *sink_url*: the sink must know it."""
        self._parts = urlsplit(url)
        self._token = token
        self._admin_token = admin_token or token
        self._sink_url = sink_url
        self._secret = secret
        self._connection = self._connect()
        self.times = RouteTimes()
        self.endpoints: deque[str] = deque()
        self.stopping = False

    async def run(self, warm_up_s: float, duration_s: float) -> RouteTimes:
        """Call for *warm_up_s*, forget those times, then for *duration_s*."""
        return await asyncio.to_thread(self._run, warm_up_s, duration_s)

    def _run(self, warm_up_s: float, duration_s: float) -> RouteTimes:
        began_s = time.monotonic()
        warm = False
        while not self.stopping:
            for _step in self._round():
                now_s = time.monotonic() - began_s
                if not warm and now_s > warm_up_s:
                    self.times.seconds.clear()
                    self.times.wrong.clear()
                    warm = True
                if now_s > warm_up_s + duration_s or self.stopping:
                    return self.times
        return self.times

    def _round(self) -> Iterator[None]:
        """Make each call once; what one makes, the next ones use and the last ones remove."""
        hook = {"name": "one of the routes", "url": self._sink_url, "secretKey": self._secret}
        made = self._call("POST /api/v1/endpoints", 200, "/api/v1/endpoints", hook)
        endpoint = str(made.get("id", "none"))
        self.endpoints.append(endpoint)
        yield
        webhook = self._submit({"endpointId": endpoint})
        yield
        for path in ("/status", "", "/attempts", "/explain"):
            route = f"GET /api/v1/webhooks/{{id}}{path}"
            self._call(route, 200, f"/api/v1/webhooks/{webhook}{path}")
            yield
        one = {"endpointId": endpoint, "payload": {"id": "batch", "sent_at_us": _now_us()}}
        batch = self._call(
            "POST /api/v1/webhooks/batch", 202, "/api/v1/webhooks/batch", {"webhooks": [one] * 10}
        )
        self._accept(batch.get("webhooks", []), 10)
        yield
        for route, path in (
            ("GET /api/v1/webhooks", "/api/v1/webhooks?limit=50"),
            ("GET /api/v1/endpoints", "/api/v1/endpoints?limit=50"),
            ("GET /api/v1/endpoints/{id}", f"/api/v1/endpoints/{endpoint}"),
            ("GET /healthz", "/healthz"),
            ("GET /readyz", "/readyz"),
            ("GET /metrics", "/metrics"),
        ):
            self._call(route, 200, path)
            yield
        yield from self._change(endpoint)

    def _change(self, endpoint: str) -> Iterator[None]:
        path = f"/api/v1/endpoints/{endpoint}"
        self._call("PATCH /api/v1/endpoints/{id}", 200, path, {"name": "renamed"})
        yield
        queue = ("GET /api/v1/admin/queue/depth", 200, "/api/v1/admin/queue/depth")
        self._call(*queue, admin=True)
        yield
        self._call("GET /api/v1/admin/stats", 200, "/api/v1/admin/stats", admin=True)
        yield
        if len(self.endpoints) > KEPT_ROUNDS:
            oldest = self.endpoints.popleft()
            self._call("DELETE /api/v1/endpoints/{id}", 204, f"/api/v1/endpoints/{oldest}")
            yield

    def _submit(self, where: dict[str, str]) -> str:
        body = {**where, "payload": {"id": "route", "sent_at_us": _now_us()}}
        made = self._call("POST /api/v1/webhooks", 202, "/api/v1/webhooks", body)
        self._accept([made], 1)
        return str(made.get("id", "none"))

    def _accept(self, made: list[dict[str, Any]], submitted: int) -> None:
        self.times.submitted += submitted
        self.times.accepted_ids += [one["id"] for one in made if "id" in one]

    def _call(
        self, route: str, expected: int, path: str, body: object = None, *, admin: bool = False
    ) -> dict[str, Any]:
        method = route.split(" ", 1)[0]
        token = self._admin_token if admin else self._token
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        payload = None if body is None else json.dumps(body).encode()
        began_s = time.perf_counter()
        status, text = self._exchange(method, self._parts.path.rstrip("/") + path, payload, headers)
        self.times.seconds[route].append(time.perf_counter() - began_s)
        if status != expected:
            self.times.wrong[route] += 1
        try:
            found = json.loads(text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _exchange(
        self, method: str, path: str, payload: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        try:
            self._connection.request(method, path, payload, headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._connection = self._connect()
            if self.stopping:
                return 0, b""
            raise TargetUnreachable(f"{method} {path} was not answered: {error}") from None

    def _connect(self) -> http.client.HTTPConnection:
        parts = self._parts
        kind: Callable[..., http.client.HTTPConnection] = http.client.HTTPConnection
        if parts.scheme == "https":
            kind = http.client.HTTPSConnection
        return kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)


def _now_us() -> int:
    return int(time.time() * 1e6)


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
