"""Forgetting: finished webhooks older than the retention, a few at a time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sureshot.delivery.failing import FailingEndpoints
from sureshot.domain.errors import Overloaded
from sureshot.ports import Clock, Store
from sureshot.telemetry.logging import get_logger

EVERY_S = 600.0
BATCH = 500
PAUSE_S = 0.2
"""Between batches, so that intake and recorder hardly notice."""

log = get_logger()


class Housekeeper:
    """Deletes what is past its retention; a retention of 0 days keeps everything."""

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
                if self._retention:
                    await self.clean_up()
                await self._failing.disable_all()
            except Overloaded as error:
                log.warning("housekeeper.waiting", reason=error.detail)
            await asyncio.sleep(EVERY_S)

    async def clean_up(self) -> int:
        """Delete everything that is past its retention; return how many webhooks."""
        # Whole days, so that a store may drop a day's partition instead of its rows.
        before = (self._clock.now() - self._retention).replace(hour=0, minute=0, second=0)
        deleted = 0
        while (batch := await self._store.forget_before(before, BATCH)) > 0:
            deleted += batch
            await asyncio.sleep(PAUSE_S)
        if deleted:
            log.info("housekeeper.forgot", webhooks=deleted)
        return deleted
