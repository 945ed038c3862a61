"""A process that may have been given up for dead sends nothing that others may have taken over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sureshot.cli.sink_server import SinkServer
from sureshot.domain.errors import StoreUnavailable
from sureshot.queue.held import OVERDUE_S
from sureshot.store.sqlite import SqliteStore
from sureshot.store.sqlite_rows import SQL
from tests.support.cluster import SECRET_KEY
from tests.support.http import call, submit, wait_for_status
from tests.support.servers import AMQP, fresh_database, fresh_queue
from tests.support.service import running_service


async def test_what_waited_in_a_lane_is_given_back_after_a_takeover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        assert isinstance(service.store, SqliteStore)
        real = service.store.beat
        body = {"name": "A", "url": target, "rateLimitPerSecond": 40}
        endpoint_id = (await call(service.url, "POST", "/api/v1/endpoints", body)).json["id"]
        batch = [{"endpointId": endpoint_id, "payload": n} for n in range(100)]
        await call(service.url, "POST", "/api/v1/webhooks/batch", {"webhooks": batch})

        async def silent(_beat: Any) -> Any:
            raise StoreUnavailable("no way to the database")

        monkeypatch.setattr(service.store, "beat", silent)
        service.heartbeat._last_s = float("-inf")
        await asyncio.sleep(0.1)
        received = sink.received
        assert 0 < received < 60
        await asyncio.sleep(0.3)
        assert sink.received == received, "what may be others' is not sent"
        await service.store._writer.run(lambda connection: connection.execute(SQL["void_all"]))

        async def buried(beat: Any) -> Any:
            monkeypatch.setattr(service.store, "beat", real)
            return msgspec.structs.replace(await real(beat), rejoined=True)

        monkeypatch.setattr(service.store, "beat", buried)
        service.heartbeat.wake()
        async with asyncio.timeout(10):
            while (await service.engine.counts()).backlog:
                await asyncio.sleep(0.05)
    assert (sink.unique, sink.duplicates) == (100, 0)
    await sink.stop()


async def test_what_was_renewed_while_the_store_was_away_is_sent_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker holds a batch all that time; its broker messages are taken over meanwhile."""
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with (
        fresh_database() as url,
        fresh_queue() as queue,
        running_service(
            tmp_path, database_url=url, queue_url=AMQP, queue_name=queue, secret_key=SECRET_KEY
        ) as service,
    ):
        away = {name: getattr(service.store, name) for name in ("record", "beat")}

        async def refuses(*_given: Any) -> Any:
            raise StoreUnavailable("no way to the database")

        for name in away:
            monkeypatch.setattr(service.store, name, refuses)
        ids = [await submit(service.url, url=target)]
        await asyncio.sleep(0.5)
        ids += [await submit(service.url, url=target) for _ in range(20)]
        await asyncio.sleep(OVERDUE_S + 1.5)
        assert sink.received == 1, "while outcomes cannot be written nothing more is sent"
        # Not trusted yet, it renews what it holds.
        for name, real in away.items():
            monkeypatch.setattr(service.store, name, real)
            await asyncio.sleep(0.6)
        for webhook_id in ids:
            await wait_for_status(service.url, webhook_id, "delivered", within_s=5)
        assert (sink.received, sink.unique) == (21, 21)
    await sink.stop()
