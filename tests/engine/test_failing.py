"""An endpoint that failed for five days is disabled, and the tenant hears of it, once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from sureshot.cli.sink_server import SinkServer
from sureshot.delivery.failing import FailingEndpoints
from sureshot.domain.errors import Overloaded
from sureshot.service import Service
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


async def _failing(service: Service, office_url: str) -> FailingEndpoints:
    """Return what looks for failing endpoints; there is one, and one that wants to hear of it."""
    for name, types in (("broken", ["*"]), ("office", ["endpoint.disabled"])):
        body = {"name": name, "url": office_url, "eventTypes": types}
        await call(service.url, "POST", "/api/v1/endpoints", body)
    (broken, _office) = service.directory.every_endpoint()

    async def failing(endpoint_ids: list[str], _since: object) -> list[str]:
        return [one for one in endpoint_ids if one == broken.id]

    service.store.failing = failing  # type: ignore[assignment, method-assign]
    return service.engine._parts.housekeeper._failing


async def test_an_endpoint_is_disabled_only_when_the_tenant_could_be_told(tmp_path: Path) -> None:
    office = SinkServer()
    url = f"http://127.0.0.1:{await office.start()}/"
    clock = ManualClock()
    async with running_service(tmp_path, clock=clock) as service:
        failing = await _failing(service, url)
        clock.advance(6 * DAY_S)
        limit, service.backlog._limit = service.backlog._limit, 0
        with pytest.raises(Overloaded):
            await failing.disable_all()
        assert all(one.enabled for one in service.directory.every_endpoint())
        service.backlog._limit = limit
        assert await failing.disable_all() == 1
        assert await failing.disable_all() == 0
        async with asyncio.timeout(10):
            while office.received == 0:
                await asyncio.sleep(0.02)
    assert office.received == 1
    await office.stop()


async def test_two_schedulers_that_find_it_at_once_tell_of_it_once(tmp_path: Path) -> None:
    office = SinkServer()
    url = f"http://127.0.0.1:{await office.start()}/"
    clock = ManualClock()
    async with running_service(tmp_path, clock=clock) as service:
        failing = await _failing(service, url)
        clock.advance(6 * DAY_S)
        await asyncio.gather(failing.disable_all(), failing.disable_all())
        page = (await call(service.url, "GET", "/api/v1/webhooks?eventType=endpoint.disabled")).json
        assert len(page["items"]) == 1
        await wait_for_status(service.url, page["items"][0]["id"], "delivered")
    assert office.received == 1
    await office.stop()
