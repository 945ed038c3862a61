"""All lanes of the process: which are open, and one write to the store when that changes."""

from __future__ import annotations

import asyncio
import functools
from datetime import datetime, timedelta

from sureshot.delivery.batcher import Batcher
from sureshot.delivery.destination import Destination
from sureshot.delivery.lane import Lane
from sureshot.delivery.lane_status import LaneStatus
from sureshot.delivery.persist import persist
from sureshot.domain.breaker import Breaker
from sureshot.ports import Clock, ClosedLane, Store

IDLE_LANES = 10_000
"""Above this many lanes, one that has nothing to remember is forgotten when it falls idle."""

FULL = "full"
DISABLED = "disabled"


class Lanes:
    """Finds a lease's lane; closes and opens lanes here and in the store."""

    def __init__(
        self, store: Store, clock: Clock, slots_limit: int, threshold: int, open_s: float
    ) -> None:
        """*threshold* failures in a row open a breaker for *open_s* seconds."""
        self._store = store
        self._clock = clock
        self._half = max(1, slots_limit // 2)
        self._limit = slots_limit
        self._threshold = threshold
        self._open_s = open_s
        self._lanes: dict[str, Lane] = {}
        self._disabled: set[str] = set()
        self._full_elsewhere: set[str] = set()
        self._workers = 1
        self._active = 0
        self._writes: Batcher[tuple[str, ClosedLane | None]] = Batcher(self._write)

    async def load(self) -> None:
        """Remember which lanes the store holds closed."""
        now, now_s = self._clock.now(), self._clock.monotonic()
        for closed in await self._store.closed_lanes():
            if closed.reason == DISABLED:
                self._disabled.add(closed.lane)
                continue
            lane = self.get(closed.lane)
            lane.marked = closed.reason
            if closed.reason == FULL:
                self._full_elsewhere.add(closed.lane)
                lane.marked = None
            elif closed.until is not None:
                lane.closed_until_s = now_s + max(0.0, (closed.until - now).total_seconds())

    def get(self, key: str) -> Lane:
        """Return the lane called *key*, a new one when it is not known."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, Breaker(self._threshold, self._open_s))
        return lane

    def of(self, key: str, destination: Destination) -> Lane:
        """Return the lane called *key* with the limits *destination* has now."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self.get(key)
        if destination.limited or lane.bucket is not None or lane.cap:
            lane.limit(destination, self._workers)
        return lane

    def divide_by(self, workers: int) -> None:
        """Split rate limits and caps evenly: so many processes deliver."""
        self._workers = workers

    def is_open(self, key: str) -> bool:
        """Whether a newborn webhook of this lane may be leased at once."""
        lane = self._lanes.get(key)
        closed_elsewhere = key in self._disabled or key in self._full_elsewhere
        return (lane is None or lane.marked is None) and not closed_elsewhere

    def open_breakers(self) -> int:
        """Return how many lanes are closed because their receiver is in trouble."""
        return sum(1 for lane in self._lanes.values() if lane.marked not in {None, FULL})

    def waiting(self) -> list[Lane]:
        """Return the lanes in which leases wait."""
        return [lane for lane in self._lanes.values() if lane.waiting]

    # -- in flight ----------------------------------------------------------

    def share(self) -> int:
        """Return the most one lane may have in flight: half, while others are active."""
        return self._half if self._active > 1 else self._limit

    def began(self, lane: Lane) -> None:
        """Count one request into *lane*."""
        if lane.in_flight == 0:
            self._active += 1
        lane.in_flight += 1

    def ended(self, lane: Lane) -> None:
        """Count one request out of *lane*."""
        lane.in_flight -= 1
        if lane.in_flight == 0:
            self._active -= 1
            if len(self._lanes) > IDLE_LANES and lane.idle:
                self._lanes.pop(lane.key, None)

    # -- closing and opening ------------------------------------------------

    def close(self, lane: Lane, for_s: float, reason: str) -> None:
        """Close *lane*; a closing under way is only ever made longer."""
        now_s = self._clock.monotonic()
        if reason != FULL:
            if lane.closed_until_s >= now_s + for_s:
                return
            lane.closed_until_s = now_s + for_s
        lane.marked = reason
        until = self._clock.now() + timedelta(seconds=for_s)
        self._writes.add((lane.key, ClosedLane(lane.key, until, reason)))

    def open(self, lane: Lane) -> None:
        """Open *lane*; one that is open costs nothing."""
        lane.closed_until_s = 0.0
        if lane.marked is not None:
            lane.marked = None
            self._writes.add((lane.key, None))

    def probe_lost(self, key: str) -> None:
        """Let another probe through: the last one ended without telling anything."""
        lane = self._lanes.get(key)
        if lane is None:
            return
        lane.breaker.probe_lost()
        lapsed = lane.closed_until_s <= self._clock.monotonic()
        if lane.marked is not None and lane.marked != FULL and lapsed:
            self.open(lane)

    def observe(self, key: str, closed: ClosedLane | None) -> None:
        """Take over what another process wrote about a lane (None: it is open)."""
        if closed is None:
            self._disabled.discard(key)
            self._full_elsewhere.discard(key)
            lane = self._lanes.get(key)
            if lane is not None and lane.marked != FULL:
                lane.closed_until_s, lane.marked = 0.0, None
                lane.breaker.success(self._clock.monotonic())
        elif closed.reason == DISABLED:
            self._disabled.add(key)
        elif closed.reason == FULL:
            self._full_elsewhere.add(key)
        elif closed.until is not None:
            lane = self.get(key)
            left_s = (closed.until - self._clock.now()).total_seconds()
            lane.marked = closed.reason
            lane.closed_until_s = max(lane.closed_until_s, self._clock.monotonic() + left_s)

    async def reload(self) -> None:
        """Read anew which lanes the store holds closed: changes may have been missed."""
        closed = {one.lane: one for one in await self._store.closed_lanes()}
        known = {key for key, lane in self._lanes.items() if lane.marked not in {None, FULL}}
        for key in (known | self._disabled | self._full_elsewhere) - closed.keys():
            self.observe(key, None)
        for key, one in closed.items():
            self.observe(key, one)

    def reopen(self, key: str) -> None:
        """Open the lane called *key* because somebody asked for another try."""
        lane = self._lanes.get(key)
        if lane is not None and key not in self._disabled:
            lane.breaker.success(self._clock.monotonic())
            self.open(lane)

    async def disable(self, key: str) -> None:
        """Close a lane until ``enable``: its endpoint is disabled."""
        self._disabled.add(key)
        await self._store.close_lane(key, None, DISABLED)

    async def enable(self, key: str) -> None:
        """Open a disabled endpoint's lane, forgetting the trouble it had."""
        self._disabled.discard(key)
        lane = self._lanes.get(key)
        if lane is not None:
            lane.closed_until_s, lane.marked = 0.0, None
            lane.breaker.success(self._clock.monotonic())
        await self._store.open_lane(key)

    async def drain(self) -> None:
        """Wait until every closing and opening is written."""
        await self._writes.drain()

    async def _write(self, batch: list[tuple[str, ClosedLane | None]]) -> None:
        latest = dict(batch)
        async with asyncio.TaskGroup() as group:
            for key, closed in latest.items():
                if key in self._disabled:
                    continue
                if closed is None:
                    write = functools.partial(self._store.open_lane, key)
                else:
                    write = functools.partial(
                        self._store.close_lane, key, closed.until, closed.reason
                    )
                group.create_task(persist(write, "lane"))

    # -- telling ------------------------------------------------------------

    def status(self, key: str) -> LaneStatus:
        """Return what can be said about the lane called *key*."""
        lane = self._lanes.get(key)
        if lane is None:
            reason = DISABLED if key in self._disabled else None
            return LaneStatus(key, reason, None, "closed", 0, 0)
        left_s = lane.closed_until_s - self._clock.monotonic()
        return LaneStatus(
            lane=key,
            closed_reason=DISABLED if key in self._disabled else lane.marked,
            closed_until=self._in(left_s) if left_s > 0 else None,
            breaker=str(lane.breaker.state),
            in_flight=lane.in_flight,
            waiting=len(lane.waiting),
        )

    def _in(self, wait_s: float) -> datetime:
        return self._clock.now() + timedelta(seconds=wait_s)
