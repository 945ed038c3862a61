"""Leases that are about to end: renewed or given back, so that nothing is sent twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sureshot.cli.sink_server import Behaviour, SinkServer
from sureshot.service import Service
from tests.support.clock import HurriedClock
from tests.support.http import call, submit, wait_for_status
from tests.support.service import running_service

BEAT_S = 1.2
"""After this a process that was silent is trusted again."""


async def _endpoint(service: Service, url: str, **rules: object) -> str:
    made = await call(service.url, "POST", "/api/v1/endpoints", {"name": "A", "url": url, **rules})
    return str(made.json["id"])


@pytest.mark.parametrize("timeout_of", ["endpoint", "webhook", "endpoint of the url"])
async def test_a_lease_that_waited_lasts_as_long_as_its_own_attempt_may(
    tmp_path: Path, timeout_of: str
) -> None:
    """What is left of it when a slot is free would do for the usual timeout, not for this one."""
    sink, clock = SinkServer(Behaviour.SLOW, delay_s=2.0), HurriedClock()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path, clock=clock, max_in_flight=1) as service:
        long: dict[str, object] = {"timeoutSeconds": 50}
        of_webhook = timeout_of == "webhook"
        endpoint_id = await _endpoint(service, target, **({} if of_webhook else long))
        whither = {"url": target} if "url" in timeout_of else {"endpointId": endpoint_id}
        body = {**whither, **(long if of_webhook else {})}
        ids = [await submit(service.url, **body) for _ in range(2)]
        clock.advance(35)
        await asyncio.sleep(BEAT_S)
        async with asyncio.timeout(10):
            while sink.received < 2:
                await asyncio.sleep(0.02)
        clock.advance(30)
        service.engine.wake()
        for webhook_id in ids:
            await wait_for_status(service.url, webhook_id, "delivered")
        await asyncio.sleep(0.3)
        assert sink.received == 2
    await sink.stop()


async def test_behind_a_quick_one_waits_none_whose_lease_would_end_under_it(
    tmp_path: Path,
) -> None:
    """The endpoint takes one at once; the last waits with 40 s left and may take 50."""
    sink, clock = SinkServer(Behaviour.SLOW, delay_s=1.5), HurriedClock()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path, clock=clock) as service:
        endpoint_id = await _endpoint(service, target, maxInFlight=1, timeoutSeconds=30)
        ids = [await submit(service.url, endpointId=endpoint_id) for _ in range(2)]
        ids.append(await submit(service.url, endpointId=endpoint_id, timeoutSeconds=50))
        clock.advance(20)
        async with asyncio.timeout(10):
            while sink.received < 3:
                await asyncio.sleep(0.02)
        clock.advance(45)
        service.engine.wake()
        for webhook_id in ids:
            await wait_for_status(service.url, webhook_id, "delivered")
        await asyncio.sleep(0.5)
        assert sink.received == 3
    await sink.stop()
