"""A receiver that takes few at once is soon sent few at once, and one that takes many, many."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from sureshot.service import Service
from sureshot_lab.scenario import Behaviour
from tests.lab.sink.webhooks import listening
from tests.support.http import call, submit
from tests.support.load import submit_many
from tests.support.service import running_service

WEAK = Behaviour(share=1, delay_s=0.05, capacity=2, queue=6, retry_after_s=1)
"""Forty a second and no more; whatever is beyond eight at once is refused."""


async def _attempts(folder: Path, count: int, *, adaptive: bool) -> float:
    """Deliver *count* webhooks to a weak receiver; return the attempts made for each."""
    async with (
        listening(folder / "sink", WEAK) as sink,
        running_service(
            folder / "service", adaptive_in_flight=adaptive, retry_schedule_s=(0.5,) * 60
        ) as service,
    ):
        await submit_many(service.url, count, f"{sink.url}/e/0")
        await _settled(service, count)
        return sum(service.metrics.attempts.values()) / count


async def _settled(service: Service, count: int) -> None:
    async with asyncio.timeout(60):
        while service.metrics.finished["delivered"] < count:
            await asyncio.sleep(0.05)


async def test_a_weak_receiver_is_tried_far_less_often_when_its_limit_is_learned(
    tmp_path: Path,
) -> None:
    learned = await _attempts(tmp_path / "on", 80, adaptive=True)
    fixed = await _attempts(tmp_path / "off", 80, adaptive=False)
    # The burst is refused once; what comes after fits.
    assert learned < 2.5
    assert fixed > 2 * learned


async def test_what_a_receiver_is_held_to_is_explained(tmp_path: Path) -> None:
    async with (
        listening(tmp_path / "sink", WEAK) as sink,
        running_service(tmp_path / "service", retry_schedule_s=(30.0,)) as service,
    ):
        await submit_many(service.url, 40, f"{sink.url}/e/0")
        async with asyncio.timeout(20):
            while service.metrics.attempts["2xx"] < 8 or not service.metrics.attempts["5xx"]:
                await asyncio.sleep(0.05)
        waiting = await submit(service.url, url=f"{sink.url}/e/0")
        told = (await call(service.url, "GET", f"/api/v1/webhooks/{waiting}/explain")).json
    # Eight of the burst were taken, and 80 % of them are sent at once from then on.
    assert told["lane"]["learnedLimit"] == 6


async def test_a_slow_receiver_that_bears_many_gets_them_at_once(tmp_path: Path) -> None:
    slow = Behaviour(share=1, delay_s=0.5)
    async with (
        listening(tmp_path / "sink", slow) as sink,
        running_service(tmp_path / "service") as service,
    ):
        began_s = time.monotonic()
        await submit_many(service.url, 600, f"{sink.url}/e/0")
        await _settled(service, 600)
        took_s = time.monotonic() - began_s
        held_back = await call(service.url, "GET", "/metrics", token=None)
    assert took_s < 5
    assert b"\nsureshot_lanes_held_back 0.0" in held_back.body
