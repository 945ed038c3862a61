"""A store that writes slowly: not much more is sent than it has written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from sureshot.cli.sink_server import SinkServer
from sureshot.delivery.recorder import UNWRITTEN
from sureshot.delivery.worker import BATCH
from sureshot.domain.model import Result
from sureshot.service import Service
from tests.support.load import submit_many
from tests.support.service import running_service

WEBHOOKS = 3 * UNWRITTEN


def _writes_nothing_yet(service: Service, patch: pytest.MonkeyPatch) -> asyncio.Event:
    """Have the store of *service* take outcomes only after the returned event."""
    real, on = service.store.record, asyncio.Event()

    async def later(results: Sequence[Result]) -> list[bool]:
        await on.wait()
        return await real(results)

    patch.setattr(service.store, "record", later)
    return on


async def _rest(sinks: Sequence[SinkServer]) -> int:
    """Wait until nothing has come in for a second; return how many did."""
    seen = -1
    while (now := sum(sink.unique for sink in sinks)) > seen:
        seen = now
        await asyncio.sleep(1)
    return seen


@pytest.mark.parametrize("lanes", [1, 50])
async def test_what_is_sent_and_not_written_down_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lanes: int
) -> None:
    sinks = [SinkServer() for _ in range(lanes)]
    urls = [f"http://127.0.0.1:{await sink.start()}/" for sink in sinks]
    async with running_service(tmp_path, max_in_flight_per_endpoint=WEBHOOKS) as service:
        on = _writes_nothing_yet(service, monkeypatch)
        for url in urls:
            await submit_many(service.url, WEBHOOKS // lanes, url)
        async with asyncio.timeout(60):
            # What had begun when the last of these came back was a batch of the queue at most.
            assert UNWRITTEN <= await _rest(sinks) <= UNWRITTEN + BATCH
            on.set()
            while service.metrics.finished["delivered"] < WEBHOOKS:
                await asyncio.sleep(0.05)
    assert sum(sink.unique for sink in sinks) == WEBHOOKS
    for sink in sinks:
        await sink.stop()
