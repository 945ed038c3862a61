"""A backlog bound by bytes is fed in as room is made, and not tried in vain meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sureshot.cli.sink_server import Behaviour, SinkServer
from tests.support.http import submit
from tests.support.service import running_service

COUNT = 12


async def test_what_does_not_fit_in_bytes_waits_without_being_written_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=0.5)
    target = f"http://127.0.0.1:{await sink.start()}/"
    writes: Counter[str] = Counter()
    async with running_service(
        tmp_path, queue_bytes=500_000, max_in_flight=1, adaptive_in_flight=False
    ) as service:
        for name in ("lease_due", "release"):
            real = getattr(service.store, name)

            def counted(*given: Any, _name: str = name, _real: Any = real, **more: Any) -> Any:
                writes[_name] += 1
                return _real(*given, **more)

            monkeypatch.setattr(service.store, name, counted)
        for number in range(COUNT):
            await submit(service.url, url=f"{target}{number}", payload="x" * 90_000)
        await asyncio.sleep(0.3)
        writes.clear()
        await asyncio.sleep(1.0)
        assert writes.total() < 15, "two were sent meanwhile"
        async with asyncio.timeout(30):
            while (await service.engine.counts()).backlog:
                await asyncio.sleep(0.05)
        assert (sink.received, sink.unique) == (COUNT, COUNT)
        assert writes["release"] < COUNT
    await sink.stop()
