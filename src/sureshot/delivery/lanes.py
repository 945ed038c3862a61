"""All lanes of the process: which are open, and one write to the store when that changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sureshot.delivery.batcher import Batcher
from sureshot.delivery.destination import Destination
from sureshot.delivery.lane import Lane
from sureshot.delivery.lane_changes import LaneChange, Opening, in_turns
from sureshot.delivery.lane_status import LaneStatus
from sureshot.delivery.persist import persist
from sureshot.domain.breaker import Breaker
from sureshot.domain.concurrency import AdaptiveLimit
from sureshot.ports import DISABLED, FULL, Clock, ClosedLane, Store

IDLE_LANES = 10_000
"""Above this many lanes, one that has nothing to remember is forgotten when it falls idle."""
TROUBLED_LANES = 10 * IDLE_LANES
"""Above this many, also one that remembers a few failures in a row."""

FULL_S = 60.0
"""A full lane drains much sooner; if nobody opens it by then, who closed it may be gone."""


class Lanes:
    """Finds a lease's lane; closes and opens lanes here and in the store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        slots_limit: int,
        threshold: int,
        open_s: float,
        *,
        adaptive: bool = True,
        brokered: bool = True,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        """*threshold* failures in a row open a breaker for *open_s* seconds.

        *opened* is told when lanes are open again: what waits there is due.
        *adaptive*: each lane learns how many at once its receiver bears.
        *brokered*: leases reach this process by a broker, so that a lane which is full here
        is closed for all; else this process alone passes over it when it leases.
        """
        self._store = store
        self._clock = clock
        self._half = max(1, slots_limit // 2)
        self._limit = slots_limit
        self._threshold = threshold
        self._open_s = open_s
        self._adaptive = adaptive
        self._brokered = brokered
        self._opened = opened
        self._lanes: dict[str, Lane] = {}
        self._disabled: set[str] = set()
        self._full_until_s: dict[str, float] = {}
        self._full_here: set[str] = set()
        self._workers = 1
        self._active = 0
        self._writes: Batcher[tuple[str, LaneChange]] = Batcher(self._write)

    async def load(self) -> None:
        """Remember which lanes the store holds closed."""
        for closed in await self._store.closed_lanes():
            self.observe(closed.lane, closed)

    def get(self, key: str) -> Lane:
        """Return the lane called *key*, a new one when it is not known."""
        lane = self._lanes.get(key)
        if lane is None:
            breaker = Breaker(self._threshold, self._open_s)
            lane = Lane(key, breaker, AdaptiveLimit() if self._adaptive else None)
            self._lanes[key] = lane
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
        closed_elsewhere = key in self._disabled or key in self._full_until_s
        return (lane is None or lane.marked is None) and not closed_elsewhere

    def full_here(self) -> frozenset[str]:
        """Return the lanes this process is not to lease for, until it has room in them."""
        return frozenset(self._full_here)

    def open_breakers(self) -> int:
        """Return how many lanes are closed because their receiver is in trouble."""
        return sum(1 for lane in self._lanes.values() if lane.marked not in {None, FULL})

    def held_back(self) -> int:
        """Return how many lanes are held to a limit learned from their receiver's answers."""
        return sum(1 for lane in self._lanes.values() if lane.adaptive and lane.adaptive.limit)

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
        if self._full_until_s:
            self._open_forsaken(lane.key)
        if lane.in_flight == 0:
            self._active -= 1

    def settle(self, lane: Lane) -> None:
        """Forget *lane* if there are very many and it has nothing to remember.

        Only after what its last outcome means is in it: a closing of a forgotten lane
        would be known to the store alone, and nobody would open it.
        """
        if len(self._lanes) <= IDLE_LANES or not lane.idle:
            return
        if lane.breaker.untroubled or len(self._lanes) > TROUBLED_LANES:
            self._lanes.pop(lane.key, None)

    # -- closing and opening ------------------------------------------------

    def close(self, lane: Lane, for_s: float, reason: str) -> None:
        """Close *lane*; a closing under way is only ever made longer."""
        until_s = self._clock.monotonic() + for_s
        if lane.closed_until_s >= until_s:
            return
        lane.closed_until_s = until_s
        self._full_until_s.pop(lane.key, None)
        self._full_here.discard(lane.key)
        self._mark(lane, for_s, reason)

    def overflowed(self, lane: Lane) -> None:
        """Let no more of *lane* be leased: it is full here, until it is opened."""
        if lane.marked not in {None, FULL}:
            return
        if not self._brokered:
            lane.marked = FULL
            self._full_here.add(lane.key)
        elif lane.marked is None or lane.key not in self._full_until_s:
            self._full_until_s[lane.key] = self._clock.monotonic() + FULL_S
            self._mark(lane, FULL_S, FULL)

    def _mark(self, lane: Lane, for_s: float, reason: str) -> None:
        lane.marked = reason
        self._writes.add((lane.key, ClosedLane(lane.key, self._in(for_s), reason)))

    def open(self, lane: Lane) -> None:
        """Open *lane*; one that is open costs nothing."""
        lane.closed_until_s = 0.0
        if lane.marked is None:
            return
        was_full, lane.marked = lane.marked == FULL, None
        self._full_until_s.pop(lane.key, None)
        if lane.key in self._full_here:
            self._full_here.discard(lane.key)
            self._opened()
        else:
            self._writes.add((lane.key, Opening.IF_FULL if was_full else Opening.ANYHOW))

    def open_full(self) -> None:
        """Open what this process closed as full: it ends, and takes no more."""
        for lane in self._lanes.values():
            if lane.marked == FULL:
                self.open(lane)

    def open_full_elsewhere(self) -> None:
        """Open what others closed as full: one of them died, and who lives closes it again."""
        for key in list(self._full_until_s):
            self._forget_full(key)

    def _open_forsaken(self, key: str) -> None:
        """Open a lane that was closed as full and in all that time not opened again."""
        if self._full_until_s.get(key, float("inf")) <= self._clock.monotonic():
            self._forget_full(key)

    def _forget_full(self, key: str) -> None:
        lane = self._lanes.get(key)
        if lane is None or lane.marked != FULL:
            del self._full_until_s[key]
            self._writes.add((key, Opening.IF_FULL))

    def probe_lost(self, key: str) -> None:
        """Let another probe through: the last one ended without telling anything."""
        self._open_forsaken(key)
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
            self._full_until_s.pop(key, None)
            lane = self._lanes.get(key)
            if lane is not None and lane.marked != FULL:
                lane.closed_until_s, lane.marked = 0.0, None
                lane.breaker.success(self._clock.monotonic())
        elif closed.reason == DISABLED:
            self._disabled.add(key)
        elif closed.until is not None:
            # Nothing else closes the lane of a disabled endpoint: this one is enabled again.
            self._disabled.discard(key)
            left_s = (closed.until - self._clock.now()).total_seconds()
            until_s = self._clock.monotonic() + left_s
            lane = self._lanes.get(key)
            if closed.reason == FULL:
                if lane is None or lane.marked in {None, FULL}:
                    self._full_until_s[key] = until_s
                return
            self._full_until_s.pop(key, None)
            self._full_here.discard(key)
            lane = lane or self.get(key)
            lane.marked = closed.reason
            lane.closed_until_s = max(lane.closed_until_s, until_s)

    async def reload(self) -> None:
        """Read anew which lanes the store holds closed: changes may have been missed."""
        closed = {one.lane: one for one in await self._store.closed_lanes()}
        known = {key for key, lane in self._lanes.items() if lane.marked not in {None, FULL}}
        for key in (known | self._disabled | self._full_until_s.keys()) - closed.keys():
            self.observe(key, None)
        for key, one in closed.items():
            self.observe(key, one)

    def reopen(self, key: str) -> None:
        """Open the lane called *key* because somebody asked for another try."""
        lane = self._lanes.get(key)
        if lane is not None and key not in self._disabled:
            lane.breaker.success(self._clock.monotonic())
            self.open(lane)

    def disable(self, key: str) -> None:
        """Take note that a lane's endpoint is disabled; the store closed it with that."""
        self._disabled.add(key)

    def enable(self, key: str) -> None:
        """Open an endpoint's lane whatever closed it, forgetting the trouble it had."""
        self.observe(key, None)
        self._writes.add((key, Opening.ANYHOW))

    async def drain(self) -> None:
        """Wait until every closing and opening is written."""
        await self._writes.drain()

    def abandon(self) -> None:
        """Give up what is not written: whoever sends there next finds out anew."""
        self._writes.abandon()

    async def _write(self, batch: list[tuple[str, LaneChange]]) -> None:
        # All at once: thousands of receivers may fall ill together.
        for changes in in_turns(batch):
            await self._write_together(changes)
        if any(isinstance(change, Opening) for _key, change in batch):
            self._opened()

    async def _write_together(self, changes: dict[str, LaneChange]) -> None:
        drained = [key for key, change in changes.items() if change is Opening.IF_FULL]
        rest = {
            key: change if isinstance(change, ClosedLane) else None
            for key, change in changes.items()
            if change is not Opening.IF_FULL
        }
        if rest:
            await persist(lambda: self._store.change_lanes(rest), "lane")
        if drained:
            await persist(lambda: self._store.open_full(drained), "lane")

    # -- telling ------------------------------------------------------------

    def status(self, key: str) -> LaneStatus:
        """Return what can be said about the lane called *key*."""
        lane = self._lanes.get(key)
        if lane is None:
            return LaneStatus(key, self._closed_reason(key, None), None, "closed", 0, 0)
        left_s = lane.closed_until_s - self._clock.monotonic()
        return LaneStatus(
            lane=key,
            closed_reason=self._closed_reason(key, lane.marked),
            closed_until=self._in(left_s) if left_s > 0 else None,
            breaker=str(lane.breaker.state),
            in_flight=lane.in_flight,
            waiting=len(lane.waiting),
            learned_limit=(lane.adaptive.limit or None) if lane.adaptive else None,
        )

    def _closed_reason(self, key: str, marked: str | None) -> str | None:
        if key in self._disabled:
            return DISABLED
        return FULL if marked is None and key in self._full_until_s else marked

    def _in(self, wait_s: float) -> datetime:
        return self._clock.now() + timedelta(seconds=wait_s)
