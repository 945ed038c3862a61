"""Free slots first, then leases: what is taken from the queue goes to the dispatcher."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from sureshot.delivery.crowding import Crowding
from sureshot.delivery.dispatcher import LEASE_MARGIN_S, Dispatcher
from sureshot.delivery.recorder import Recorder
from sureshot.delivery.slots import Slots
from sureshot.domain.model import Lease
from sureshot.ports import Clock, LeaseTerms, Queue
from sureshot.telemetry.logging import get_logger

KEEP_EVERY_S = 0.1

log = get_logger()

BATCH = 500
"""The most leases taken in one turn, so that answering clients is never held up for long."""


class Worker:
    """Moves leases from the queue into flight, never more than there are slots."""

    def __init__(
        self,
        queue: Queue,
        dispatcher: Dispatcher,
        slots: Slots,
        crowding: Crowding,
        clock: Clock,
        recorder: Recorder,
        trusted: Callable[[], bool],
        owner: str,
        lease_s: float,
    ) -> None:
        """*lease_s*: no attempt may take longer than ten seconds less.

        *trusted* tells whether this process is certainly not given up for dead;
        while it may be, every lease is renewed before it is used.
        """
        self._queue = queue
        self._dispatcher = dispatcher
        self._slots = slots
        self._crowding = crowding
        self._clock = clock
        self._recorder = recorder
        self._trusted = trusted
        self._doubted_until = clock.now()
        self._owner = owner
        self._lease_s = lease_s
        self._plenty = timedelta(seconds=lease_s - LEASE_MARGIN_S)

    async def run(self) -> None:
        """Take and deliver until cancelled."""
        while True:
            free = await self._slots.wait_free()
            leases = await self._queue.take(min(free, BATCH))
            beyond = self._slots.take(leases)
            if beyond:
                self._crowding.turn_away(beyond)
                turned_away = {id(lease) for lease in beyond}
                leases = [lease for lease in leases if id(lease) not in turned_away]
            await self._recorder.keeps_up()
            for lease in await self._with_time_left(leases):
                self._deliver(lease)
            # A full queue must not keep the loop from serving everybody else.
            await asyncio.sleep(0)

    async def keep_leases(self) -> None:
        """Take over from the broker what is in flight for long, and let in who has room again.

        Until cancelled.
        """
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            try:
                self._crowding.readmit()
                await self._recorder.release_suspects()
                await self._recorder.renew_overdue(self._terms())
            except Exception:
                # The broker keeps the messages then, which is safe; the next turn tries again.
                log.exception("worker.keep_failed")

    def doubt(self) -> None:
        """Renew every lease given so far before it is used: they were voided by others."""
        self._doubted_until = self._terms().expires_at

    def _terms(self) -> LeaseTerms:
        return LeaseTerms(self._owner, self._clock.now() + timedelta(seconds=self._lease_s))

    def _deliver(self, lease: Lease) -> None:
        try:
            self._dispatcher.deliver(lease)
        except Exception:
            # One webhook that cannot be handled must not stop all others.
            log.exception("worker.failed", webhook_id=lease.webhook_id)
            self._dispatcher.postpone(lease)

    async def _with_time_left(self, leases: list[Lease]) -> list[Lease]:
        now = self._clock.now()
        if self._trusted():
            short = [lease for lease in leases if self._ends_soon(lease, now)]
        else:
            short = leases
        if not short:
            return leases
        terms = self._terms()
        renewed = await self._recorder.renew(short, terms)
        ours = {lease.webhook_id: lease for lease in renewed}
        lost = [lease for lease in short if lease.webhook_id not in ours]
        self._slots.give_back(lost)
        await self._queue.ack(lost)
        shorts = {lease.webhook_id for lease in short}
        return [lease for lease in leases if lease.webhook_id not in shorts] + renewed

    def _ends_soon(self, lease: Lease, now: datetime) -> bool:
        if lease.expires_at <= self._doubted_until:
            return True
        # Most were given just now: for them nothing is looked up.
        if lease.expires_at - now >= self._plenty:
            return False
        return self._dispatcher.ends_too_soon(lease, now)
