"""Free slots first, then leases: what is taken from the queue goes to the dispatcher."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sureshot.delivery.dispatcher import LEASE_MARGIN_S, Dispatcher
from sureshot.delivery.persist import persist
from sureshot.delivery.slots import Slots
from sureshot.domain.model import Lease
from sureshot.ports import Clock, LeaseTerms, Queue, Store
from sureshot.telemetry.logging import get_logger

log = get_logger()

BATCH = 500
"""The most leases taken in one turn, so that answering clients is never held up for long."""


class Worker:
    """Moves leases from the queue into flight, never more than there are slots."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        dispatcher: Dispatcher,
        slots: Slots,
        clock: Clock,
        owner: str,
        lease_s: float,
        timeout_s: float,
    ) -> None:
        """*timeout_s* is the longest an attempt takes that does not say otherwise."""
        self._store = store
        self._queue = queue
        self._dispatcher = dispatcher
        self._slots = slots
        self._clock = clock
        self._owner = owner
        self._lease_s = lease_s
        self._timeout_s = timeout_s

    async def run(self) -> None:
        """Take and deliver until cancelled."""
        while True:
            free = await self._slots.wait_free()
            leases = await self._queue.take(min(free, BATCH))
            self._slots.take(leases)
            for lease in await self._with_time_left(leases):
                self._deliver(lease)
            # A full queue must not keep the loop from serving everybody else.
            await asyncio.sleep(0)

    def _deliver(self, lease: Lease) -> None:
        try:
            self._dispatcher.deliver(lease)
        except Exception:
            # One webhook that cannot be handled must not stop all others.
            log.exception("worker.failed", webhook_id=lease.webhook_id)
            self._dispatcher.postpone(lease)

    async def _with_time_left(self, leases: list[Lease]) -> list[Lease]:
        now = self._clock.now()
        short = [lease for lease in leases if self._ends_soon(lease, now)]
        if not short:
            return leases
        terms = LeaseTerms(self._owner, now + timedelta(seconds=self._lease_s))
        renewed = await persist(lambda: self._store.renew(short, terms), "renew")
        ours = {lease.webhook_id: lease for lease in renewed}
        lost = [lease for lease in short if lease.webhook_id not in ours]
        self._slots.give_back(lost)
        await self._queue.ack(lost)
        shorts = {lease.webhook_id for lease in short}
        return [lease for lease in leases if lease.webhook_id not in shorts] + renewed

    def _ends_soon(self, lease: Lease, now: datetime) -> bool:
        needed_s = (lease.timeout_s or self._timeout_s) + LEASE_MARGIN_S
        return lease.expires_at - now < timedelta(seconds=needed_s)
