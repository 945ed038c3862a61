"""The service as the laboratory sees it: over HTTP only."""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from sureshot_lab.errors import TargetUnreachable, TokenRefused

TIMEOUT_S = 10.0
TRIES, PAUSE_S = 3, 0.2
JSON_TYPE = "application/json"


class ServiceClient:
    """Calls one service with its two tokens. Every method raises ``TargetUnreachable``.

    Connections are not kept: it is asked a few times a second at most, and a
    service that was killed in between must not break the next call.
    """

    def __init__(self, url: str, token: str, admin_token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise TargetUnreachable(f"{url} is no address; http://127.0.0.1:8080 would be one")
        self.url = url.rstrip("/")
        self._parts = parts
        self.token = token
        self.admin_token = admin_token

    async def call(
        self, method: str, path: str, body: object = None, *, admin: bool = False
    ) -> tuple[int, Any]:
        """Return status and decoded body (None when it is not JSON)."""
        for _try in range(TRIES if method == "GET" else 1):
            try:
                return await asyncio.to_thread(self._call, method, path, body, admin=admin)
            except TargetUnreachable as error:
                # A process that ends while others serve the same port cuts what it had accepted.
                failure = error
                await asyncio.sleep(PAUSE_S)
        raise failure

    async def ready(self) -> bool:
        """Whether it answers and is ready."""
        try:
            return (await self.call("GET", "/readyz"))[0] == 200
        except TargetUnreachable:
            return False

    async def check(self) -> str:
        """Return the service's version; raises ``TokenRefused`` unless both tokens are taken."""
        status, _body = await self.call("GET", "/api/v1/webhooks?limit=1")
        if status != 200:
            raise TokenRefused(f"{self.url} refuses the token with {status}; give --token")
        if self.admin_token:
            status, _body = await self.call("GET", "/api/v1/admin/queue/depth", admin=True)
            if status != 200:
                raise TokenRefused(
                    f"{self.url} refuses the admin token with {status}; give --admin-token"
                )
        _status, described = await self.call("GET", "/openapi.json")
        version = (described or {}).get("info", {}).get("version", "")
        return str(version)

    async def create_endpoint(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create an endpoint; return it with its secret."""
        status, made = await self.call("POST", "/api/v1/endpoints", body)
        if status != 200:
            raise TargetUnreachable(f"{self.url} made no endpoint, it answered {status}: {made}")
        return dict(made)

    async def delete_endpoint(self, endpoint_id: str) -> None:
        """Delete an endpoint; one that is gone already is fine."""
        await self.call("DELETE", f"/api/v1/endpoints/{endpoint_id}")

    async def default_secret(self) -> str | None:
        """Return the secret that signs webhooks to unregistered urls, if we may see it."""
        status, tenant = await self.call("GET", "/api/v1/tenant", admin=bool(self.admin_token))
        return tenant.get("secretKey") if status == 200 else None

    async def depth(self) -> dict[str, float]:
        """Return depth, backlog, inFlight, oldestDueSeconds; empty without an admin token."""
        if not self.admin_token:
            return {}
        status, found = await self.call("GET", "/api/v1/admin/queue/depth", admin=True)
        return dict(found) if status == 200 else {}

    def _call(self, method: str, path: str, body: object, *, admin: bool) -> tuple[int, Any]:
        parts = self._parts
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        token = self.admin_token if admin and self.admin_token else self.token
        headers = {"Authorization": f"Bearer {token}"}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = JSON_TYPE
        try:
            connection.request(method, parts.path.rstrip("/") + path, payload, headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise TargetUnreachable(f"{self.url} does not answer: {error}") from None
        finally:
            connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, None
