"""Forgetting: what is past its time, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sureshot.delivery.failing import FailingEndpoints
from sureshot.domain.errors import Overloaded
from sureshot.domain.model import KEY_LIFETIME
from sureshot.ports import Clock, Store
from sureshot.telemetry.logging import get_logger

EVERY_S = 600.0
BATCH = 500
SMALL_ROWS = 5000
"""A batch of what has no payload."""
PAUSE_S = 0.2
"""Between batches, so that intake and recorder hardly notice."""
AUDIT_KEPT = timedelta(days=365)
"""Longer than any webhook as a rule, and whatever their retention is."""

log = get_logger()


class Housekeeper:
    """Deletes what is past its time.

    Webhooks and events are kept for their retention, 0 days being for ever, and
    never shorter than the idempotency keys that name them.
    """

    def __init__(
        self, store: Store, clock: Clock, retention_days: float, failing: FailingEndpoints
    ) -> None:
        self._store = store
        self._clock = clock
        self._failing = failing
        self._retention = timedelta(days=retention_days)

    async def run(self) -> None:
        """Clean up every ten minutes until cancelled."""
        while True:
            try:
                await self._store.prepare(self._clock.now())
                await self.clean_up()
                await self._failing.disable_all()
            except Overloaded as error:
                log.warning("housekeeper.waiting", reason=error.detail)
            await asyncio.sleep(EVERY_S)

    async def clean_up(self) -> int:
        """Delete everything that is past its time; return how many webhooks and events."""
        now = self._clock.now()
        await _repeat(self._store.forget_keys, now - KEY_LIFETIME, SMALL_ROWS)
        await _repeat(self._store.forget_audit, now - AUDIT_KEPT, SMALL_ROWS)
        if not self._retention:
            return 0
        # Whole days, so that a store may drop a day's partition instead of its rows.
        before = (now - self._retention).replace(hour=0, minute=0, second=0, microsecond=0)
        deleted = await _repeat(self._store.forget_before, before)
        if deleted:
            log.info("housekeeper.forgot", webhooks=deleted)
        return deleted


async def _repeat(
    forget: Callable[[datetime, int], Awaitable[int]], before: datetime, limit: int = BATCH
) -> int:
    """Call *forget* until nothing is left; return how much that was."""
    deleted = 0
    while (batch := await forget(before, limit)) > 0:
        deleted += batch
        await asyncio.sleep(PAUSE_S)
    return deleted
