"""A plain HTTP client that shows exactly what came over the wire."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.support.service import ADMIN_TOKEN, API_TOKEN


@dataclass
class Answer:
    """One response; ``raw`` is all of it but the date."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one response with a Content-Length (or none)."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip()
        for name, _colon, value in (line.partition(":") for line in lines[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    status = int(lines[0].split()[1])
    return Answer(status, headers, body, re.sub(rb"date: [^\r]*\r\n", b"", head) + body)


def build(
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    token: str | None = API_TOKEN,
) -> bytes:
    """Return the bytes of a request."""
    lines = {"Host": "test"}
    if body:
        lines["Content-Type"] = "application/json"
        lines["Content-Length"] = str(len(body))
    if token is not None:
        lines["Authorization"] = f"Bearer {token}"
    given = {name.lower() for name in headers or {}}
    lines = {name: value for name, value in lines.items() if name.lower() not in given}
    lines.update(headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value != "-")
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


async def exchange(
    url: str, request: bytes, answers: int = 1, *, half_close: bool = False
) -> list[Answer]:
    """Send raw bytes on a fresh connection and read so many answers."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(request)
        if half_close:
            writer.write_eof()
        async with asyncio.timeout(20):
            return [await read_answer(reader) for _ in range(answers)]
    finally:
        writer.close()
        await writer.wait_closed()


async def call(
    url: str,
    method: str,
    path: str,
    value: Any = None,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    token: str | None = API_TOKEN,
) -> Answer:
    """Make one call; *value* is sent as JSON."""
    data = body if body is not None else (b"" if value is None else msgspec.json.encode(value))
    (answer,) = await exchange(url, build(method, path, data, headers, token))
    return answer


async def admin(url: str, method: str, path: str) -> Answer:
    """Make one call with the admin token."""
    return await call(url, method, path, token=ADMIN_TOKEN)


async def wait_for_status(
    url: str, webhook_id: str, *statuses: str, within_s: float = 20, token: str = API_TOKEN
) -> Any:
    """Wait until a webhook has one of *statuses*; return its status document."""
    async with asyncio.timeout(within_s):
        while True:
            path = f"/api/v1/webhooks/{webhook_id}/status"
            found = (await call(url, "GET", path, token=token)).json
            if found["status"] in statuses:
                return found
            await asyncio.sleep(0.02)


async def submit(service_url: str, /, **fields: Any) -> str:
    """Submit a webhook and return its id."""
    answer = await call(service_url, "POST", "/api/v1/webhooks", {"payload": {"n": 1}, **fields})
    assert answer.status == 202, answer.body
    return str(answer.json["id"])


async def tenant_token(url: str, tenant: str, *scopes: str) -> str:
    """Create a tenant and return the text of a token of it that may do *scopes*."""
    wish = {"name": "t", "scopes": scopes, "tenant": tenant}
    for path, body in (("tenants", {"id": tenant}), ("tokens", wish)):
        made = await call(url, "POST", f"/api/v1/admin/{path}", body, token=ADMIN_TOKEN)
        assert made.status == 200, made.body
    return str(made.json["token"])


async def exposed(url: str) -> dict[str, float]:
    """Return every series of the service at *url*."""
    text = (await call(url, "GET", "/metrics", token=None)).body.decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {series: float(value) for series, _space, value in lines}
