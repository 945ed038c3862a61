"""How much is stored and not final: counted here, corrected from the store."""

from __future__ import annotations

import asyncio
from datetime import datetime

from sureshot.domain.errors import Overloaded
from sureshot.ports import Clock, Counts, Store

REFRESH_S = 1.0
"""How often the store is asked; less often when counting takes long (5 % of the time)."""


class Backlog:
    """The service's bound on stored work, and the gauges about it."""

    def __init__(self, store: Store, clock: Clock, limit: int) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self.count = 0
        self.free = 0
        self.oldest_due_at: datetime | None = None

    def refusal(self, more: int) -> Overloaded | None:
        """Return why *more* webhooks may not come in; None when they fit under the limit."""
        if self.count + more <= self._limit:
            return None
        return Overloaded(
            f"{self.count} webhooks are waiting to be delivered, the limit is {self._limit}; "
            "try again when some of them are",
            reason="backlog_full",
            retry_after_s=5,
        )

    def added(self, leased: int, free: int) -> None:
        """Count webhooks that were stored."""
        self.count += leased + free
        self.free += free

    def finished(self, count: int) -> None:
        """Count webhooks that became final."""
        self.count -= count

    async def refresh(self) -> Counts:
        """Ask the store, take over its figures and return them."""
        counts = await self._store.counts(self._clock.now())
        self.count, self.free = counts.backlog, counts.free
        self.oldest_due_at = counts.oldest_due_at
        return counts

    async def keep_fresh(self) -> None:
        """Refresh until cancelled."""
        while True:
            began_s = self._clock.monotonic()
            try:
                await self.refresh()
            except Overloaded:
                # The figures stay as they are until the store answers again.
                await asyncio.sleep(REFRESH_S)
            took_s = self._clock.monotonic() - began_s
            await asyncio.sleep(max(REFRESH_S, 20 * took_s))

    def oldest_due_s(self) -> float:
        """Return how long the oldest webhook has been due and not leased, in seconds.

        One that is held back for its receiver does not count; see ``Counts``.
        """
        if self.oldest_due_at is None:
            return 0.0
        return max(0.0, (self._clock.now() - self.oldest_due_at).total_seconds())
