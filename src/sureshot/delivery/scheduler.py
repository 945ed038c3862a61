"""Ringing what is due: free rows become leases in the queue, as fast as it has room."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta

from sureshot.delivery.clock_steps import ClockSteps
from sureshot.domain.errors import Overloaded
from sureshot.domain.model import Lease
from sureshot.ports import Clock, Due, LeaseTerms, Queue, QueueRefused, Store
from sureshot.telemetry.logging import get_logger

BATCH = 500
PER_LANE = 250
LONGEST_SLEEP_S = 5.0
IDLE_SHARE = 4.0
"""A look that found nothing is followed by a rest this many times as long as it took, at most
by ``LONGEST_SLEEP_S``."""
FULL_SLEEP_S = 0.02
LOOK_AGAIN_S = 1.0
"""While the queue has no room for a big one: something smaller may be due by then."""

log = get_logger()


class Scheduler:
    """Asks the store what is due, publishes it, and sleeps until something can be."""

    def __init__(
        self, store: Store, queue: Queue, clock: Clock, owner: str, lease_s: float
    ) -> None:
        self.besides: Callable[[], frozenset[str]] = frozenset
        """Tells the lanes not to lease for, though they are open to others."""
        self._store = store
        self._queue = queue
        self._clock = clock
        self._owner = owner
        self._lease_s = lease_s
        self._steps = ClockSteps(clock, lease_s)
        self._woken = asyncio.Event()
        self._stopping = False
        self._next_bytes = 0
        self._look_again_s = 0.0

    def stop(self) -> None:
        """Feed no more; what was leased just now is still published. ``run`` then returns."""
        self._stopping = True
        self._woken.set()

    def wake(self) -> None:
        """Look again now: rows became free, or a lane opened."""
        self._woken.set()

    async def run(self) -> None:
        """Feed the queue until stopped."""
        while not self._stopping:
            self._woken.clear()
            sleep_s = LONGEST_SLEEP_S
            try:
                sleep_s = await self._feed()
            except Overloaded as error:
                log.warning("scheduler.waiting", reason=error.detail)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), sleep_s)

    async def _feed(self) -> float:
        """Publish what is due; return how long to sleep unless woken, in seconds."""
        room, room_bytes = self._queue.room()
        if room == 0 or room_bytes == 0 or (self._next_bytes and self._next_is_too_big()):
            await asyncio.sleep(FULL_SLEEP_S)
            return 0.0
        now = self._clock.now()
        owner = None if self._queue.brokered else self._owner
        ends = now + timedelta(seconds=self._lease_s)
        terms = LeaseTerms(owner, ends, self._steps.grace())
        began_s = self._clock.monotonic()
        due = await self._store.lease_due(
            min(room, BATCH), PER_LANE, now, terms, limit_bytes=room_bytes,
            besides=self.besides(),
        )  # fmt: skip
        refused = await self._publish(due.leases)
        if refused:
            await self._store.release(refused, None)
        if not due.leases:
            rest_s = IDLE_SHARE * (self._clock.monotonic() - began_s)
            await asyncio.sleep(min(rest_s, LONGEST_SLEEP_S))
        return self._sleep_s(due)

    async def _publish(self, leases: list[Lease]) -> list[Lease]:
        """Publish what goes in of *leases*, from the first on; return the rest."""
        try:
            await self._queue.publish(leases)
        except QueueRefused as error:
            return error.leases
        except Overloaded:
            return await self._publish_fitting(leases)
        return []

    async def _publish_fitting(self, leases: list[Lease]) -> list[Lease]:
        """Publish the first of *leases*, as many as fit; return the rest.

        By bytes the last ones are too many: nobody knows a size before it is leased.
        """
        count = self._fitting(leases)
        first, rest = leases[:count], leases[count:]
        self._next_bytes = len(rest[0].payload) if rest else 0
        self._look_again_s = self._clock.monotonic() + LOOK_AGAIN_S
        try:
            await self._queue.publish(first)
        except QueueRefused as error:
            return error.leases + rest
        except Overloaded:
            return leases
        return rest

    def _fitting(self, leases: list[Lease]) -> int:
        """Return how many of *leases* there is room for at the moment."""
        room, room_bytes = self._queue.room()
        for count, lease in enumerate(leases[:room]):
            room_bytes -= len(lease.payload)
            if room_bytes < 0:
                return count
        return min(room, len(leases))

    def _next_is_too_big(self) -> bool:
        """Whether leasing is in vain, for what comes next would be refused as it was."""
        waits = self._queue.depth() > 0 and self._queue.room()[1] < self._next_bytes
        if waits and self._clock.monotonic() < self._look_again_s:
            return True
        self._next_bytes = 0
        return False

    def _sleep_s(self, due: Due) -> float:
        if due.next_due_at is None:
            return LONGEST_SLEEP_S
        left_s = (due.next_due_at - self._clock.now()).total_seconds()
        return min(max(left_s, 0.0), LONGEST_SLEEP_S)
