"""How a process ends: in time although its store is away, and by itself when a part of it broke."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sureshot import process
from sureshot.cli.sink_server import SinkServer
from sureshot.delivery import engine
from sureshot.delivery.change_feed import ChangeFeed
from sureshot.delivery.scheduler import Scheduler
from sureshot.domain.errors import StoreUnavailable
from sureshot.service import Service
from tests.support.http import call, submit
from tests.support.service import settings


async def test_a_drain_ends_in_time_although_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "GRACE_S", 0.3, raising=False)
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    service = Service(settings(tmp_path, drain_s=0.5))
    await service.start()

    async def refuse(*_args: object) -> Any:
        raise StoreUnavailable("the disk is full")

    for name in ("record", "release", "change_lanes"):
        monkeypatch.setattr(service.store, name, refuse, raising=False)
    webhook_id = await submit(service.url, url=target)
    async with asyncio.timeout(5):
        while not sink.received:
            await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    async with asyncio.timeout(10):
        await service.stop()
    assert loop.time() - began_s < 2.5
    monkeypatch.undo()

    again = Service(settings(tmp_path))
    await again.start()
    async with asyncio.timeout(10):
        while (await again.engine.counts()).backlog:
            await asyncio.sleep(0.02)
    status = await call(again.url, "GET", f"/api/v1/webhooks/{webhook_id}/status")
    assert status.json["status"] == "delivered"
    await again.stop()
    await sink.stop()


@pytest.mark.parametrize("part", [Scheduler, ChangeFeed])
async def test_a_process_whose_part_broke_drains_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: type
) -> None:
    async def breaks(_self: object) -> None:
        await asyncio.sleep(0.1)
        raise RuntimeError("a bug")

    monkeypatch.setattr(part, "run", breaks)
    service = Service(settings(tmp_path, drain_s=1.0))
    async with asyncio.timeout(10):
        assert await process._serve(service, lambda _started: None) == 1
    assert not service.engine.ready
