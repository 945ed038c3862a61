"""One tenant's trouble stays its own, however many receivers it has."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sureshot.cli.sink_server import Behaviour, SinkServer
from sureshot.delivery.slots import Slots
from sureshot.service import Service
from tests.support.builders import lease
from tests.support.cluster import SECRET_KEY
from tests.support.http import call, submit, tenant_token, wait_for_status
from tests.support.servers import AMQP, fresh_database, fresh_queue
from tests.support.service import running_service

SLOTS = 20
LANES = 30
SLOW_S = 3.0


@contextlib.asynccontextmanager
async def _service(folder: Path, *, brokered: bool) -> AsyncIterator[Service]:
    async with contextlib.AsyncExitStack() as stack:
        more: dict[str, Any] = {"max_in_flight": SLOTS, "drain_s": 1.0}
        if brokered:
            more["database_url"] = await stack.enter_async_context(fresh_database())
            more["queue_url"] = AMQP
            more["queue_name"] = await stack.enter_async_context(fresh_queue())
            more["secret_key"] = SECRET_KEY
        yield await stack.enter_async_context(running_service(folder, **more))


@pytest.mark.slow
@pytest.mark.parametrize("brokered", [False, True], ids=["embedded", "brokered"])
async def test_another_tenant_with_many_slow_receivers_takes_half_of_the_slots_at_most(
    tmp_path: Path, *, brokered: bool
) -> None:
    slow = [SinkServer(Behaviour.SLOW, delay_s=SLOW_S) for _ in range(LANES)]
    ports = [await sink.start() for sink in slow]
    healthy = SinkServer()
    target = f"http://127.0.0.1:{await healthy.start()}/"
    async with _service(tmp_path, brokered=brokered) as service:
        token = await tenant_token(service.url, "busy", "submit")
        batch = [{"url": f"http://127.0.0.1:{port}/", "payload": 1} for port in ports]
        await call(service.url, "POST", "/api/v1/webhooks/batch", {"webhooks": batch}, token=token)
        async with asyncio.timeout(SLOW_S):
            while sum(sink.received for sink in slow) < SLOTS // 2:
                await asyncio.sleep(0.02)
        began_s = time.monotonic()
        for _ in range(5):
            webhook_id = await submit(service.url, url=target)
            await wait_for_status(service.url, webhook_id, "delivered")
        assert time.monotonic() - began_s < 2 * SLOW_S / 3, "it waited for none of those"
        async with asyncio.timeout(10 * SLOW_S):
            while sum(sink.finished for sink in slow) < LANES:
                await asyncio.sleep(0.05)
                assert sum(sink.in_flight for sink in slow) <= SLOTS // 2
        assert sum(sink.received for sink in slow) == LANES
    for sink in [*slow, healthy]:
        await sink.stop()


async def test_the_only_tenant_may_have_all_slots(tmp_path: Path) -> None:
    slow = [SinkServer(Behaviour.SLOW, delay_s=SLOW_S) for _ in range(SLOTS)]
    ports = [await sink.start() for sink in slow]
    async with _service(tmp_path, brokered=False) as service:
        for port in ports:
            await submit(service.url, url=f"http://127.0.0.1:{port}/")
        async with asyncio.timeout(0.9 * SLOW_S):
            while sum(sink.received for sink in slow) < SLOTS:
                await asyncio.sleep(0.02)
    for sink in slow:
        await sink.stop()


def test_the_share_of_each_of_several_tenants_counts_bytes_too() -> None:
    slots = Slots(limit=100, limit_bytes=1000)
    slots.several_tenants = lambda: True
    big = [lease(tenant="a", payload=b"x" * 300) for _ in range(3)]
    assert slots.take(big) == big[2:], "two have passed half of the bytes"
    slots.give_back(big[2:])
    assert slots.room_of("a") == 0
    assert slots.take([lease(tenant="b", payload=b"x" * 300)]) == []
    slots.give_back(big[:1])
    assert slots.room_of("a") == 49
