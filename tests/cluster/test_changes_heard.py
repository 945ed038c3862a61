"""What one process is told by an administrator, the others act on within a moment."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

from tests.support.cluster import SECRET_KEY, Member, cluster
from tests.support.http import admin, call, wait_for_status
from tests.support.service import ADMIN_TOKEN

T, E, V = "/api/v1/admin/tokens", "/api/v1/endpoints", "/api/v1/events"


async def soon(member: Member, path: str, wanted: int, token: str) -> Any:
    """Repeat a call until it is answered as wanted; the last answer after five seconds."""
    async with asyncio.timeout(5):
        while True:
            answer = await call(member.url, "GET", path, token=token)
            if answer.status == wanted:
                return answer
            await asyncio.sleep(0.01)


async def test_tokens_tenants_and_subscriptions_are_known_everywhere(tmp_path: Path) -> None:
    async with cluster(tmp_path, "api", "api", "worker", "scheduler") as made:
        here, there = made.of("api")

        async def do(method: str, path: str, value: Any = None, token: str = ADMIN_TOKEN) -> Any:
            answer = await call(here.url, method, path, value, token=token)
            assert answer.status in {200, 204}, answer.body
            return answer.json if answer.body else None

        await do("POST", "/api/v1/admin/tenants", {"id": "acme"})
        token = await do("POST", T, {"name": "x", "scopes": ["admin"], "tenant": "acme"})
        found = await soon(there, "/api/v1/tenant", 200, token["token"])
        assert found.json["id"] == "acme"
        rotated = await do("POST", f"{T}/{token['id']}/rotate")
        await soon(there, E, 200, rotated["token"])
        await soon(there, E, 401, token["token"])
        text = rotated["token"]

        endpoint = await do(
            "POST", E, {"name": "e", "url": made.target, "eventTypes": ["a.*"]}, text
        )
        await soon(there, f"{E}/{endpoint['id']}", 200, text)
        event = {"eventType": "a.b", "payload": 1}
        published = await call(there.url, "POST", V, event, token=text)
        assert published.json["webhooks"] == 1
        assert (
            await call(here.url, "GET", f"{V}/{published.json['id']}", token=text)
        ).status == 200
        (one,) = (await call(here.url, "GET", "/api/v1/webhooks", token=text)).json["items"]
        await wait_for_status(here.url, one["id"], "delivered", token=text)

        await do("DELETE", f"{E}/{endpoint['id']}", None, text)
        await soon(there, f"{E}/{endpoint['id']}", 404, text)
        assert (await call(there.url, "POST", V, event, token=text)).json["webhooks"] == 0

        audit = (await call(there.url, "GET", "/api/v1/admin/audit", token=text)).json["items"]
        assert [entry["action"] for entry in audit] == [
            "endpoint.delete", "endpoint.create", "token.rotate", "token.create", "tenant.create",
        ]  # fmt: skip
        await do("DELETE", f"{T}/{token['id']}")
        await soon(there, E, 401, text)


async def test_what_cannot_be_read_under_the_old_key_keeps_nobody_from_hearing_the_rest(
    tmp_path: Path,
) -> None:
    """One process has a new key already, the other does not know it yet."""
    async with cluster(tmp_path, "all", queue_url="memory://") as made:
        (old,) = made.members
        new_key = base64.b64encode(b"n" * 32).decode()
        keys = {"SURESHOT_SECRET_KEY": new_key, "SURESHOT_PREVIOUS_SECRET_KEY": SECRET_KEY}
        (new,) = await made.add("all", **keys)

        async def token_of(member: Member) -> Any:
            body = {"name": "ci", "scopes": ["submit", "read"]}
            return (await call(member.url, "POST", T, body, token=ADMIN_TOKEN)).json

        known = await token_of(old)
        await soon(new, E, 200, known["token"])
        unreadable = await token_of(new)
        await call(new.url, "POST", E, {"name": "unreadable", "url": made.target})
        await call(new.url, "DELETE", f"{T}/{known['id']}", token=ADMIN_TOKEN)
        await admin(new.url, "POST", "/api/v1/admin/pause")
        await soon(old, E, 401, known["token"])
        assert (await call(old.url, "GET", E, token=unreadable["token"])).status == 401
        await asyncio.sleep(0.5)
        submitted = await call(
            old.url, "POST", "/api/v1/webhooks", {"url": made.target, "payload": 1}
        )
        await asyncio.sleep(1.0)
        assert submitted.status == 202
        assert made.ledger.received == {}
        assert (await call(old.url, "GET", "/readyz", token=None)).status == 200
