"""A backlog is worked off to its end without a pause."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from sureshot.ports import Due
from sureshot_lab.scenario import Behaviour, Sink
from sureshot_lab.sink.config import SinkConfig
from tests.lab.sink.webhooks import listening
from tests.support.clock import HurriedClock
from tests.support.http import call
from tests.support.load import submit_many
from tests.support.service import running_service

ENDPOINTS, EACH, SLOTS, WORK_S = 20, 60, 8, 0.02


async def test_the_last_of_a_backlog_does_not_wait_for_the_schedulers_next_look(
    tmp_path: Path,
) -> None:
    config = SinkConfig(
        sink=Sink(behaviour=[Behaviour(share=1, delay_s=WORK_S)]), endpoints=ENDPOINTS
    )
    async with (
        listening(tmp_path / "sink", config=config) as sink,
        running_service(tmp_path / "service", max_in_flight=SLOTS) as service,
    ):
        urls = [f"{sink.url}/e/{number}" for number in range(ENDPOINTS)]
        for url in urls:
            await call(service.url, "POST", "/api/v1/endpoints", {"name": url, "url": url})
        await service.engine.pause()
        for url in urls:
            await submit_many(service.url, EACH, url)
        began_s = time.monotonic()
        await service.engine.resume()
        async with asyncio.timeout(60):
            while service.metrics.finished["delivered"] < ENDPOINTS * EACH:
                await asyncio.sleep(0.02)
        took_s = time.monotonic() - began_s
    # Lanes fill up and open again all along; the last rows are seen when theirs opens,
    # not when the scheduler has slept its five seconds.
    assert took_s < ENDPOINTS * EACH * WORK_S / SLOTS + 4.0


async def test_a_look_during_which_hours_passed_is_not_followed_by_days_of_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that sleeps in the midst of a look, or a store that takes minutes for it."""
    clock = HurriedClock()
    async with running_service(tmp_path, clock=clock) as service:
        looks = []
        real = service.store.lease_due

        async def slow(*told: Any, **named: Any) -> Due:
            due = await real(*told, **named)
            looks.append(len(due.leases))
            if len(looks) == 1:
                clock.advance(3600)
            return due

        monkeypatch.setattr(service.store, "lease_due", slow)
        async with asyncio.timeout(40):
            while len(looks) < 3:
                service.engine.wake()
                await asyncio.sleep(0.1)
        assert looks[0] == 0
