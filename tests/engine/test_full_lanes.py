"""A lane closed because a process held as much of it as it may: somebody always opens it again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import cast

from sureshot.cli.sink_server import Behaviour, SinkServer
from sureshot.delivery.lanes import Lanes
from sureshot.ports import DISABLED, FULL, ClosedLane, Store
from sureshot.store.sealing import Sealer
from sureshot.store.sqlite import SqliteStore
from tests.support.clock import NOON, ManualClock
from tests.support.http import call
from tests.support.service import running_service

E, B = "/api/v1/endpoints", "/api/v1/webhooks/batch"
CLOSED = ClosedLane("lane", NOON + timedelta(seconds=60), FULL)


class LaneStore:
    """The part of a store that lanes write to; ``written`` is what was written since last asked."""

    def __init__(self, *closed: ClosedLane) -> None:
        self._closed = list(closed)
        self._written: dict[str, str] = {}

    async def closed_lanes(self) -> list[ClosedLane]:
        return self._closed

    async def change_lanes(self, changes: Mapping[str, ClosedLane | None]) -> None:
        for lane, closed in changes.items():
            self._written[lane] = "open" if closed is None else closed.reason

    async def written(self, lanes: Lanes) -> dict[str, str]:
        await lanes.drain()
        written, self._written = self._written, {}
        return written


def _lanes(store: LaneStore, clock: ManualClock) -> Lanes:
    return Lanes(cast(Store, store), clock, 100, 10, 10.0)


async def test_what_nobody_opened_in_time_is_opened_when_an_attempt_ends() -> None:
    store, clock = LaneStore(CLOSED), ManualClock()
    lanes = _lanes(store, clock)
    await lanes.load()
    lane = lanes.get("lane")
    assert not lanes.is_open("lane")
    for passed_s, wanted in ((30, {}), (31, {"lane": "open"})):
        clock.advance(passed_s)
        lanes.began(lane)
        lanes.ended(lane)
        assert await store.written(lanes) == wanted
    assert lanes.is_open("lane")


async def test_a_probe_that_was_given_back_opens_it_as_well() -> None:
    store, clock = LaneStore(CLOSED), ManualClock()
    lanes = _lanes(store, clock)
    await lanes.load()
    clock.advance(61)
    lanes.probe_lost("lane")
    assert await store.written(lanes) == {"lane": "open"}


async def test_when_a_process_died_its_full_lanes_are_opened_and_ones_own_are_not() -> None:
    store, clock = LaneStore(CLOSED), ManualClock()
    lanes = _lanes(store, clock)
    await lanes.load()
    lanes.overflowed(lanes.get("mine"))
    assert await store.written(lanes) == {"mine": FULL}
    lanes.open_full_elsewhere()
    assert await store.written(lanes) == {"lane": "open"}
    lanes.open_full()
    assert await store.written(lanes) == {"mine": "open"}


async def test_a_lane_that_others_opened_is_closed_again_when_it_overflows() -> None:
    store, clock = LaneStore(), ManualClock()
    lanes = _lanes(store, clock)
    lane = lanes.get("lane")
    lanes.overflowed(lane)
    lanes.overflowed(lane)
    assert await store.written(lanes) == {"lane": FULL}
    lanes.observe("lane", None)
    assert not lanes.is_open("lane"), "it is as full as before"
    lanes.overflowed(lane)
    assert await store.written(lanes) == {"lane": FULL}
    lanes.open(lane)
    assert await store.written(lanes) == {"lane": "open"}
    assert lanes.is_open("lane")


async def test_who_has_room_opens_what_another_process_closed_as_full() -> None:
    """Not at once: the other one closes it again as soon as it is given too much."""
    store, clock = LaneStore(CLOSED), ManualClock()
    lanes = _lanes(store, clock)
    await lanes.load()
    lane = lanes.get("lane")
    assert lanes.is_full(lane)
    for passed_s, wanted in ((0.4, {}), (0.2, {"lane": "open"}), (1, {})):
        clock.advance(passed_s)
        lanes.drained(lane)
        assert await store.written(lanes) == wanted
    assert lanes.is_open("lane")
    assert not lanes.is_full(lane)


async def test_who_has_room_does_not_open_a_lane_closed_for_another_reason() -> None:
    disabled = ClosedLane("lane", None, DISABLED)
    store, clock = LaneStore(disabled), ManualClock()
    lanes = _lanes(store, clock)
    await lanes.load()
    clock.advance(10)
    lanes.drained(lanes.get("lane"))
    assert await store.written(lanes) == {}
    assert not lanes.is_open("lane")


async def test_a_full_lane_goes_on_after_a_restart(tmp_path: Path) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        body = {"name": "A", "url": target, "rateLimitPerSecond": 2}
        endpoint_id = (await call(service.url, "POST", E, body)).json["id"]
        batch = [{"endpointId": endpoint_id, "payload": n} for n in range(100)]
        await call(service.url, "POST", B, {"webhooks": batch})
        async with asyncio.timeout(10):
            while [one.reason for one in await service.store.closed_lanes()] != [FULL]:
                await asyncio.sleep(0.02)
        # Between two requests: an answer that comes while it ends would open the lane.
        await asyncio.sleep(0.5)
        received = sink.received
        while sink.received == received or service.engine._parts.lanes.get(endpoint_id).in_flight:
            await asyncio.sleep(0.001)
    before = sink.received
    async with running_service(tmp_path):
        async with asyncio.timeout(10):
            while sink.received < before + 4:
                await asyncio.sleep(0.02)
    assert sink.duplicates == 0
    await sink.stop()


async def test_a_pause_opens_a_full_lane(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.HANGING)
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path, drain_s=0.2) as service:
        body = {"name": "A", "url": target, "maxInFlight": 1}
        endpoint_id = (await call(service.url, "POST", E, body)).json["id"]
        batch = [{"endpointId": endpoint_id, "payload": n} for n in range(400)]
        await call(service.url, "POST", B, {"webhooks": batch})
        async with asyncio.timeout(10):
            while not await service.store.closed_lanes():
                await asyncio.sleep(0.02)
        await service.engine.pause()
        async with asyncio.timeout(5):
            while await service.store.closed_lanes():
                await asyncio.sleep(0.02)
    await sink.stop()


async def test_a_killed_process_leaves_no_full_lane_in_its_file(tmp_path: Path) -> None:
    for _start in range(2):
        store = SqliteStore(tmp_path / "store.db", Sealer(b"k" * 32))
        await store.open(NOON, "p_1")
        assert await store.closed_lanes() == []
        await store.change_lanes({"lane": CLOSED})
        await store.close()
