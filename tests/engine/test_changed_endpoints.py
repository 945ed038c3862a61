"""What waits in a lane keeps to what its endpoint is by now, not to what it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sureshot.cli.sink_server import SinkServer
from tests.support.http import call
from tests.support.service import running_service

E, B = "/api/v1/endpoints", "/api/v1/webhooks/batch"


@pytest.fixture
async def sink() -> AsyncIterator[SinkServer]:
    made = SinkServer()
    yield made
    await made.stop()


async def _received(sink: SinkServer, count: int, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while sink.received < count:
            await asyncio.sleep(0.02)


async def _waiting(url: str, sink: SinkServer, rate: float, *, by_url: bool = False) -> str:
    """Make an endpoint at *sink*, send it sixty webhooks, and return its id."""
    target = f"http://127.0.0.1:{await sink.start()}/"
    body = {"name": "A", "url": target, "rateLimitPerSecond": rate}
    made: str = (await call(url, "POST", E, body)).json["id"]
    to = {"url": target} if by_url else {"endpointId": made}
    await call(url, "POST", B, {"webhooks": [{**to, "payload": n} for n in range(60)]})
    return made


async def test_a_raised_rate_is_used_by_what_waits_already(
    sink: SinkServer, tmp_path: Path
) -> None:
    async with running_service(tmp_path) as service:
        made = await _waiting(service.url, sink, 0.5)
        await _received(sink, 1, 5)
        await call(service.url, "PATCH", f"{E}/{made}", {"rateLimitPerSecond": 50})
        # At the old rate it would take two minutes.
        await _received(sink, 60, 15)


async def test_a_lowered_rate_is_kept_by_what_waits_already(
    sink: SinkServer, tmp_path: Path
) -> None:
    async with running_service(tmp_path) as service:
        made = await _waiting(service.url, sink, 20)
        await _received(sink, 22, 5)
        await call(service.url, "PATCH", f"{E}/{made}", {"rateLimitPerSecond": 0.1})
        await asyncio.sleep(1.2)
        received = sink.received
        await asyncio.sleep(1.5)
        assert sink.received <= received + 1, "at the old rate the rest would have come"
        assert received < 60


async def test_what_was_sent_to_the_url_of_an_endpoint_waits_while_that_is_disabled(
    sink: SinkServer, tmp_path: Path
) -> None:
    """Else it would be signed with another secret, and be refused by its receiver."""
    async with running_service(tmp_path) as service:
        made = await _waiting(service.url, sink, 10, by_url=True)
        await _received(sink, 12, 5)
        await call(service.url, "POST", f"{E}/{made}/disable")
        await asyncio.sleep(0.3)
        received = sink.received
        await asyncio.sleep(1.5)
        assert sink.received == received < 60
        await call(service.url, "POST", f"{E}/{made}/enable")
        await _received(sink, 60, 20)
        assert sink.duplicates == 0
