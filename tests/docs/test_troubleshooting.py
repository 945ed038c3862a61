"""Symptoms of the troubleshooting page, caused: what the page says is seen is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sureshot.cli.sink_server import SinkServer
from sureshot.domain.errors import ConfigurationError
from sureshot.service import Service
from sureshot_lab.runs.ground import free_port
from tests.support.http import admin, call, exposed, submit
from tests.support.service import running_service, settings

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "troubleshoot.md").read_text()
WITHIN_S = 20.0


def _row(*words: str) -> str:
    """Return the row of the page that says all of *words*."""
    (row,) = [line for line in PAGE.splitlines() if all(word in line for word in words)]
    return row


async def _until(found: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not await found():
            await asyncio.sleep(0.05)


async def _last_error(service: Service, webhook_id: str) -> dict[str, Any]:
    """Wait for an attempt, and return it."""
    path = f"/api/v1/webhooks/{webhook_id}/attempts"
    async with asyncio.timeout(WITHIN_S):
        while not (items := (await call(service.url, "GET", path)).json["items"]):
            await asyncio.sleep(0.05)
    attempt: dict[str, Any] = items[-1]
    return attempt


async def test_a_bound_is_reached(tmp_path: Path) -> None:
    assert "api/v1/admin/queue/depth" in _row("submissions answered 503", 'reason="backlog_full"')
    url = f"http://127.0.0.1:{free_port()}/"
    async with running_service(tmp_path, backlog_limit=3) as service:

        async def refused() -> bool:
            body = {"url": url, "payload": {}}
            return (await call(service.url, "POST", "/api/v1/webhooks", body)).status == 503

        await _until(refused)
        refusals = (await exposed(service.url))['sureshot_rejected_total{reason="backlog_full"}']
        assert refusals >= 1
        assert (await admin(service.url, "GET", "/api/v1/admin/queue/depth")).json["backlog"] >= 3


async def test_lanes_are_closed_and_the_queue_is_empty(tmp_path: Path) -> None:
    assert "`sureshot_breaker_open`" in _row("backlog grows, queue is empty")
    sink = SinkServer(status=500)
    url = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        ids = [await submit(service.url, url=url) for _ in range(30)]

        async def closed() -> bool:
            return (await exposed(service.url))["sureshot_breaker_open"] == 1

        await _until(closed)
        depth = (await admin(service.url, "GET", "/api/v1/admin/queue/depth")).json
        assert depth["backlog"] == 30
        told = (await call(service.url, "GET", f"/api/v1/webhooks/{ids[-1]}/explain")).json
        assert told["lane"]["breaker"] == "open"
    await sink.stop()


async def test_a_disabled_endpoint_waits_and_says_so(tmp_path: Path) -> None:
    assert "`sureshot endpoints show ep_...`" in _row("its rate limit, its cap, or it is disabled")
    async with running_service(tmp_path) as service:
        made = {"name": "a", "url": f"http://127.0.0.1:{free_port()}/"}
        endpoint = (await call(service.url, "POST", "/api/v1/endpoints", made)).json["id"]
        path = f"/api/v1/endpoints/{endpoint}"
        assert (await call(service.url, "POST", f"{path}/disable")).status == 200
        webhook_id = await submit(service.url, endpointId=endpoint)

        async def told() -> bool:
            found = await call(service.url, "GET", f"/api/v1/webhooks/{webhook_id}/explain")
            return "disabled" in found.json["explanation"]

        await _until(told)
        assert (await call(service.url, "GET", path)).json["enabled"] is False


@pytest.mark.parametrize(
    ("error", "scheme", "host", "allowed"),
    [
        ("connect_refused", "http", "127.0.0.1", ("127.0.0.0/8",)),
        ("tls_failed", "https", "127.0.0.1", ("127.0.0.0/8",)),
        ("address_denied", "http", "localhost", ()),
    ],
)
async def test_an_attempt_that_fails_before_it_is_sent_tells_why(
    tmp_path: Path, error: str, scheme: str, host: str, allowed: tuple[str, ...]
) -> None:
    assert f"`{error}`" in PAGE
    plain = SinkServer()
    port = await plain.start() if error == "tls_failed" else free_port()
    async with running_service(tmp_path, allowed_networks=allowed) as service:
        webhook_id = await submit(service.url, url=f"{scheme}://{host}:{port}/")
        attempt = await _last_error(service, webhook_id)
        assert attempt["error"] == error
        assert attempt["errorDetail"]
    await plain.stop()


async def test_a_second_process_on_the_same_file_says_who_has_it(tmp_path: Path) -> None:
    assert "sureshot.db.lock" in _row("is in use by process")
    async with running_service(tmp_path):
        with pytest.raises(ConfigurationError, match="is in use by process"):
            await Service(settings(tmp_path)).start()
        assert (tmp_path / "sureshot.db.lock").exists()
