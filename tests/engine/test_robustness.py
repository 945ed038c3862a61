"""What must not stop the line: a bug with one webhook, a client gone, a store that is away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import apsw
import pytest

from sureshot.cli.sink_server import Behaviour, SinkServer
from sureshot.domain.errors import StoreUnavailable
from sureshot.store.sqlite import SqliteStore
from tests.support.clock import HurriedClock
from tests.support.http import call, submit, wait_for_status
from tests.support.service import running_service

W = "/api/v1/webhooks"


async def test_one_webhook_that_cannot_be_handled_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path, log_level="error") as service:
        directory = service.directory
        real = directory.destination

        def sometimes(lease: Any) -> Any:
            if lease.url.endswith("bad"):
                raise RuntimeError("a bug")
            return real(lease)

        monkeypatch.setattr(directory, "destination", sometimes)
        bad = await submit(service.url, url=f"{target}bad")
        good = [await submit(service.url, url=target) for _ in range(5)]
        for webhook_id in good:
            await wait_for_status(service.url, webhook_id, "delivered")
        status = (await call(service.url, "GET", f"{W}/{bad}/status")).json
        assert (status["status"], status["attempts"]) == ("queued", 0)
        assert service.engine.ready
        assert service.engine.in_flight == 0
    await sink.stop()


async def test_while_the_store_refuses_submissions_get_503_and_outcomes_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        real = service.store.record
        away = True

        async def record(results: Any) -> Any:
            if away:
                raise StoreUnavailable("the disk is full")
            return await real(results)

        monkeypatch.setattr(service.store, "record", record)
        webhook_id = await submit(service.url, url=target)
        while not sink.received:
            await wait_for_status(service.url, webhook_id, "queued")
        held = await submit(service.url, url=target)
        await asyncio.sleep(0.3)
        assert sink.received == 1, "what cannot be written down is not sent"

        async def add(batch: Any, terms: Any) -> Any:
            raise StoreUnavailable("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(service.store, "add", add)
            refused = await call(service.url, "POST", W, {"url": target, "payload": 1})
        assert refused.status == 503
        assert refused.json["type"] == "/problems/store-unavailable"
        assert int(refused.headers["retry-after"]) >= 1
        away = False
        for accepted in (webhook_id, held, await submit(service.url, url=target)):
            await wait_for_status(service.url, accepted, "delivered")
    assert (sink.received, sink.duplicates) == (3, 0)
    await sink.stop()


async def test_every_commit_is_synced_to_disk(tmp_path: Path) -> None:
    def synchronous(connection: apsw.Connection) -> tuple[object, object]:
        return connection.pragma("synchronous"), connection.pragma("journal_mode")

    async with running_service(tmp_path) as service:
        assert isinstance(service.store, SqliteStore)
        assert await service.store._writer.run(synchronous) == (2, "wal")


async def test_a_retry_by_hand_opens_the_lane_it_needs(tmp_path: Path) -> None:
    sink = SinkServer(status=503)
    target = f"http://127.0.0.1:{await sink.start()}/"
    changes: dict[str, Any] = {"breaker_threshold": 1, "breaker_open_s": 600.0}
    async with running_service(tmp_path, **changes) as service:
        webhook_id = await submit(service.url, url=target)
        await wait_for_status(service.url, webhook_id, "retrying")
        sink.status = None
        await call(service.url, "POST", f"{W}/{webhook_id}/retry")
        await wait_for_status(service.url, webhook_id, "delivered")
    await sink.stop()


async def test_a_clock_that_is_set_forward_sends_nothing_twice(tmp_path: Path) -> None:
    sink, clock = SinkServer(Behaviour.SLOW, delay_s=2.0), HurriedClock()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path, clock=clock) as service:
        ids = [await submit(service.url, url=f"{target}{n}") for n in range(20)]
        for _ in range(2):
            # Two minutes: longer than every lease.
            clock.set_forward(120)
            service.engine.wake()
            await asyncio.sleep(0.2)
        for webhook_id in ids:
            await wait_for_status(service.url, webhook_id, "delivered")
        await asyncio.sleep(0.5)
        assert sink.received == len(ids)
    await sink.stop()
