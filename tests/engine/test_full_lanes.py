"""A lane closed because a process held as much of it as it may: somebody always opens it again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from sureshot.cli.sink_server import Behaviour, SinkServer
from sureshot.delivery.lanes import Lanes
from sureshot.ports import FULL, ClosedLane, Store
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
        self.order: list[str] = []
        """What was written, one after another."""

    async def closed_lanes(self) -> list[ClosedLane]:
        return self._closed

    async def change_lanes(self, changes: Mapping[str, ClosedLane | None]) -> None:
        for lane, closed in changes.items():
            self._note(lane, "open" if closed is None else closed.reason)

    async def open_full(self, lanes: Sequence[str]) -> None:
        for lane in lanes:
            self._note(lane, "open if full")

    def _note(self, lane: str, what: str) -> None:
        self._written[lane] = what
        self.order.append(what)

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
    for passed_s, wanted in ((30, {}), (31, {"lane": "open if full"})):
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
    assert await store.written(lanes) == {"lane": "open if full"}


async def test_when_a_process_died_its_full_lanes_are_opened_and_ones_own_are_not() -> None:
    store, clock = LaneStore(CLOSED), ManualClock()
    lanes = _lanes(store, clock)
    await lanes.load()
    lanes.overflowed(lanes.get("mine"))
    assert await store.written(lanes) == {"mine": FULL}
    lanes.open_full_elsewhere()
    assert await store.written(lanes) == {"lane": "open if full"}
    lanes.open_full()
    assert await store.written(lanes) == {"mine": "open if full"}


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
    assert await store.written(lanes) == {"lane": "open if full"}
    assert lanes.is_open("lane")


async def test_without_a_broker_a_full_lane_is_passed_over_here_and_nothing_is_written() -> None:
    store, clock, opened = LaneStore(), ManualClock(), []
    lanes = Lanes(cast(Store, store), clock, 100, 10, 10.0, brokered=False,
                  opened=lambda: opened.append(1))  # fmt: skip
    lane = lanes.get("lane")
    lanes.overflowed(lane)
    assert lanes.full_here() == {"lane"}
    assert not lanes.is_open("lane")
    lanes.open(lane)
    assert lanes.full_here() == frozenset()
    assert lanes.is_open("lane")
    assert opened == [1]
    assert await store.written(lanes) == {}


async def test_what_the_receiver_asked_for_counts_more_than_that_a_lane_is_full() -> None:
    store, clock = LaneStore(), ManualClock()
    for brokered in (True, False):
        lanes = Lanes(cast(Store, store), clock, 100, 10, 10.0, brokered=brokered)
        lane = lanes.get("lane")
        lanes.overflowed(lane)
        lanes.close(lane, 3600.0, "overloaded")
        assert lanes.full_here() == frozenset()
        lanes.observe("lane", ClosedLane("lane", NOON + timedelta(seconds=60), FULL))
        clock.advance(61)
        lanes.began(lane)
        lanes.ended(lane)
        assert await store.written(lanes) == {"lane": "overloaded"}


async def test_an_opening_written_together_with_fullness_is_not_lost() -> None:
    store = LaneStore()
    lanes = _lanes(store, ManualClock())
    lane = lanes.get("lane")
    lanes.close(lane, 10.0, "overloaded")
    assert await store.written(lanes) == {"lane": "overloaded"}
    # Without a pause: all three are written in one go.
    lanes.open(lane)
    lanes.overflowed(lane)
    lanes.open(lane)
    await lanes.drain()
    assert store.order == ["overloaded", "open", "open if full"]


async def test_a_lane_is_remembered_until_its_outcome_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Forgotten before, its closing would be known to the store alone, and never be opened."""
    monkeypatch.setattr("sureshot.delivery.lanes.IDLE_LANES", 0)
    monkeypatch.setattr("sureshot.delivery.lanes.TROUBLED_LANES", 10)
    lanes = _lanes(LaneStore(), ManualClock())
    lane = lanes.get("lane")
    lanes.began(lane)
    lanes.ended(lane)
    lane.breaker.failure(0.0)
    lanes.settle(lane)
    assert lanes.get("lane") is lane, "it has a failure to remember"
    lane.breaker.success(0.0)
    lanes.close(lane, 10.0, "overloaded")
    lanes.settle(lane)
    assert lanes.get("lane") is lane, "it is closed"
    lanes.open(lane)
    lanes.settle(lane)
    assert lanes.get("lane") is not lane


async def test_a_full_lane_goes_on_after_a_restart(tmp_path: Path) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        body = {"name": "A", "url": target, "rateLimitPerSecond": 2}
        endpoint_id = (await call(service.url, "POST", E, body)).json["id"]
        batch = [{"endpointId": endpoint_id, "payload": n} for n in range(100)]
        await call(service.url, "POST", B, {"webhooks": batch})
        async with asyncio.timeout(10):
            while service.engine.lane_status(endpoint_id).closed_reason != FULL:
                await asyncio.sleep(0.02)
        assert await service.store.closed_lanes() == [], "full here is nobody else's concern"
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
            while service.engine.lane_status(endpoint_id).closed_reason != FULL:
                await asyncio.sleep(0.02)
        await service.engine.pause()
        async with asyncio.timeout(5):
            while service.engine.lane_status(endpoint_id).closed_reason is not None:
                await asyncio.sleep(0.02)
    await sink.stop()


async def test_a_killed_process_leaves_no_full_lane_in_its_file(tmp_path: Path) -> None:
    for _start in range(2):
        store = SqliteStore(tmp_path / "store.db", Sealer(b"k" * 32))
        await store.open(NOON, "p_1")
        assert await store.closed_lanes() == []
        await store.change_lanes({"lane": CLOSED})
        await store.close()
