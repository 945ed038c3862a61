"""An endpoint that failed for five days is disabled, and the tenant hears of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from sureshot.cli.sink_server import SinkServer
from tests.support.clock import ManualClock
from tests.support.http import call, submit, wait_for_status
from tests.support.service import running_service

DAY_S = 86400.0


async def test_five_days_of_failures_disable_an_endpoint_and_tell_the_tenant(
    tmp_path: Path,
) -> None:
    broken, office = SinkServer(status=500), SinkServer()
    broken_url = f"http://127.0.0.1:{await broken.start()}/"
    office_url = f"http://127.0.0.1:{await office.start()}/"
    clock = ManualClock()
    async with running_service(tmp_path, clock=clock, retry_schedule_s=()) as service:
        made = await call(service.url, "POST", "/api/v1/endpoints",
                          {"name": "broken", "url": broken_url})  # fmt: skip
        endpoint_id = made.json["id"]
        office_body = {"name": "office", "url": office_url, "eventTypes": ["endpoint.disabled"]}
        await call(service.url, "POST", "/api/v1/endpoints", office_body)
        housekeeper = service.engine._parts.housekeeper
        for _day in range(6):
            first = await submit(service.url, endpointId=endpoint_id)
            await wait_for_status(service.url, first, "failed")
            assert await housekeeper._failing.disable_all() == 0
            clock.advance(DAY_S)
        webhook_id = await submit(service.url, endpointId=endpoint_id)
        await wait_for_status(service.url, webhook_id, "failed")
        assert await housekeeper._failing.disable_all() == 1
        shown = (await call(service.url, "GET", f"/api/v1/endpoints/{endpoint_id}")).json
        assert (shown["enabled"], shown["disabledReason"]) == (False, "failing")
        async with asyncio.timeout(10):
            while office.received == 0:
                await asyncio.sleep(0.02)
        page = (await call(service.url, "GET", "/api/v1/webhooks?eventType=endpoint.disabled")).json
        seen = (await call(service.url, "GET", f"/api/v1/webhooks/{page['items'][0]['id']}")).json
        assert seen["payload"]["data"]["endpointId"] == endpoint_id
        assert msgspec.json.encode(seen["payload"])
    await broken.stop()
    await office.stop()
