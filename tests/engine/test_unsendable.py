"""A webhook that cannot be sent at all keeps nobody waiting behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sureshot.cli.sink_server import Behaviour, SinkServer
from sureshot.domain.signature import signature_headers
from tests.support.http import submit, wait_for_status
from tests.support.service import running_service


async def test_those_behind_one_that_cannot_be_signed_are_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(keys: Any, webhook_id: str, at: int, payload: bytes) -> str:
        if b"unsendable" in payload:
            raise ValueError("nobody thought of this")
        return signature_headers(keys, webhook_id, at, payload)

    monkeypatch.setattr("sureshot.delivery.dispatcher.signature_headers", broken)
    sink = SinkServer(Behaviour.SLOW, delay_s=1.0)
    url = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path, max_in_flight_per_endpoint=1) as service:
        first = await submit(service.url, url=url)
        unsendable = await submit(service.url, url=url, payload="unsendable")
        last = await submit(service.url, url=url)
        await wait_for_status(service.url, first, "delivered", within_s=10)
        await wait_for_status(service.url, last, "delivered", within_s=10)
        found = await wait_for_status(service.url, unsendable, "queued", within_s=10)
        assert found["attempts"] == 0
        async with asyncio.timeout(10):
            while service.engine.in_flight:
                await asyncio.sleep(0.05)
    await sink.stop()
