"""Telling the deployment that this process lives, and noticing who does not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta

from sureshot import __version__
from sureshot.delivery.slots import Slots
from sureshot.domain.errors import Overloaded
from sureshot.ports import Beat, Census, Clock, Queue, Store
from sureshot.telemetry.core_time import cpu_s, starved_s
from sureshot.telemetry.logging import get_logger

EVERY_S = 1.0
BUSY_EVERY_S = 0.25
"""While leases move, so that publishers know how much room others have left."""
SILENT_S = 4.0
"""Whoever is silent for longer is dead; with the beat's second, work moves within 5 s."""
TRUSTED_S = 3.0
"""After this long without a beat a process no longer trusts its own leases."""
STEADY_S = 2.5
"""A longer gap between two beats of this process means that the store was away."""
ANCHOR_S = 10.0
STEP_S = 2.0
"""By more than this the store's clock does not run away from this machine's between two beats."""

log = get_logger()


class Heartbeat:
    """Beats into the store, learns the census, takes over from the dead."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        slots: Slots,
        clock: Clock,
        role: str,
        anchor: Callable[[datetime], None],
        use_slot: Callable[[int], None],
    ) -> None:
        """*anchor* is told the store's time now and then, if it has a clock of its own.

        *use_slot* is told the number this process alone may end its ids in.
        """
        self._store = store
        self._queue = queue
        self._slots = slots
        self._clock = clock
        self._role = role
        self._anchor = anchor
        self._use_slot = use_slot
        self._anchored_s = float("-inf")
        self._last_s = float("-inf")
        self._steady_since_s = float("inf")
        self._store_at: datetime | None = None
        self._moved = (0, 0)
        self._empty_looks = 0
        self._woken = asyncio.Event()
        self.census = Census([])
        self.takes_over = False
        self.on_rejoin: Callable[[], None] = _nothing
        self.on_takeover: Callable[[], None] = _nothing
        self.on_census: Callable[[Census], None] = _nothing_of

    def trusted(self) -> bool:
        """Whether nobody can have given this process up for dead."""
        return self._clock.monotonic() - self._last_s < TRUSTED_S

    def workers(self) -> int:
        """Return how many processes deliver, this one included."""
        return max(1, sum(1 for p in self.census.peers if p.beat.role in {"worker", "all"}))

    def wake(self) -> None:
        """Beat now: the deployment has changed."""
        self._woken.set()

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self._woken.clear()
            moved = (self._queue.published, self._queue.taken)
            try:
                await self.beat()
                if self.takes_over and self._store_at is not None and self._steady():
                    await self._take_over(self._store_at - timedelta(seconds=SILENT_S))
            except Overloaded as error:
                log.warning("heartbeat.missed", reason=error.detail)
            pause_s = BUSY_EVERY_S if moved != self._moved else EVERY_S
            self._moved = moved
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause_s)

    async def beat(self) -> None:
        """Beat once; raises ``Overloaded`` when the store is away."""
        queue = self._queue
        beat = Beat(
            self._role, __version__, queue.published, queue.taken, self._slots.taken,
            cpu_s(), starved_s(),
        )  # fmt: skip
        began_s = self._clock.monotonic()
        census = await self._store.beat(beat)
        if began_s - self._last_s > STEADY_S or self._stepped(census.now, began_s):
            self._steady_since_s = began_s
        self._last_s, self._store_at = began_s, census.now
        self.census = census
        if census.slot is not None:
            self._use_slot(census.slot)
        queue.learn(census)
        now_s = self._clock.monotonic()
        if census.now is not None and now_s - self._anchored_s > ANCHOR_S:
            self._anchored_s = now_s
            self._anchor(census.now + timedelta(seconds=(now_s - began_s) / 2))
        if census.rejoined:
            log.warning("heartbeat.rejoined", role=self._role)
            self.on_rejoin()
        self.on_census(census)

    def _stepped(self, store_at: datetime | None, began_s: float) -> bool:
        """Whether the store's clock was set since the last beat: who lives looks silent then."""
        if store_at is None or self._store_at is None:
            return False
        passed_s = (store_at - self._store_at).total_seconds()
        if abs(passed_s - (began_s - self._last_s)) <= STEP_S:
            return False
        log.warning("heartbeat.clock_stepped", seconds=round(passed_s - began_s + self._last_s, 1))
        return True

    def _steady(self) -> bool:
        """Whether the others' silence is theirs: the store was there, and its clock was not set."""
        return self._last_s - self._steady_since_s > SILENT_S

    async def _take_over(self, since: datetime) -> None:
        voided = await self._store.take_over(since)
        if voided:
            log.warning("heartbeat.took_over", leases=voided)
            self.on_takeover()
        await self._correct_depth()

    async def _correct_depth(self) -> None:
        """Reset the count of leases in the broker once it has been empty for a while.

        Counters of processes that died are a little off, and a queue may be
        purged by hand.
        """
        counted = self.census.carry + sum(
            peer.beat.published - peer.beat.taken for peer in self.census.peers
        )
        if not self._queue.brokered or counted == 0:
            self._empty_looks = 0
            return
        idle = not any(peer.beat.in_flight for peer in self.census.peers)
        empty = idle and await self._queue.ready_messages() == 0
        self._empty_looks = self._empty_looks + 1 if empty else 0
        if self._empty_looks >= 3:
            self._empty_looks = 0
            await self._store.set_queue_depth(0)


def _nothing() -> None:
    """Do nothing."""


def _nothing_of(_census: Census) -> None:
    """Do nothing."""
