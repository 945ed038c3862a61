"""Writing down what happened: outcomes and given-back leases, in group commits."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from datetime import datetime

import msgspec

from sureshot.delivery.backlog import Backlog
from sureshot.delivery.batcher import Batcher
from sureshot.delivery.persist import persist
from sureshot.delivery.slots import Slots
from sureshot.domain.errors import Overloaded
from sureshot.domain.model import FINAL, Lease, Result
from sureshot.ports import LeaseTerms, Queue, Store
from sureshot.telemetry.metrics import Metrics

UNWRITTEN = 1000
"""With so many outcomes to write down no further batch of leases is begun."""


class Recorder:
    """Ends every lease that was taken: recorded or released, then its slot is free.

    While the store is away it keeps what it holds and tries again, and asks for
    nothing new to be sent, nor while it is behind: what is sent and not written
    down is sent once more if this process dies.
    """

    def __init__(
        self,
        store: Store,
        queue: Queue,
        slots: Slots,
        backlog: Backlog,
        metrics: Metrics,
        freed: Callable[[], None],
    ) -> None:
        """*freed* is told when rows became free in the store: something may be due."""
        self._store = store
        self._queue = queue
        self._slots = slots
        self._backlog = backlog
        self._metrics = metrics
        self._freed = freed
        self._settling: set[str] = set()
        self._renewing: set[str] = set()
        self._renewed: dict[str, Lease] = {}
        self._renewal = asyncio.Lock()
        self._parked: list[Callable[[], None]] = []
        self._unwritten = 0
        self._away = False
        self.on_caught_up: Callable[[], None] = _nothing
        self._writable = asyncio.Event()
        self._writable.set()
        self._results: Batcher[Result] = Batcher(self._record)
        self._unspent: Batcher[tuple[Lease, datetime | None]] = Batcher(self._release)

    def record(self, result: Result) -> None:
        """Have *result* written with the forming batch."""
        self._unwritten += 1
        if self._unwritten == UNWRITTEN:
            self._writable.clear()
        self._add(result)

    def _add(self, result: Result) -> None:
        lease = result.lease
        if self._renewing and lease.webhook_id in self._renewing:
            self._parked.append(functools.partial(self._add, result))
            return
        if self._renewed and (renewed := self._newest(lease)) is not lease:
            result = msgspec.structs.replace(result, lease=renewed)
        self._settling.add(lease.webhook_id)
        self._results.add(result)

    def release(self, lease: Lease, due_at: datetime | None = None) -> None:
        """Have the unspent *lease* given back with the forming batch."""
        if self._renewing and lease.webhook_id in self._renewing:
            self._parked.append(functools.partial(self.release, lease, due_at))
            return
        if self._renewed:
            lease = self._newest(lease)
        self._settling.add(lease.webhook_id)
        self._unspent.add((lease, due_at))

    @property
    def behind(self) -> bool:
        """Whether the store is known to be away, or has ``UNWRITTEN`` outcomes to take."""
        return not self._writable.is_set()

    async def keeps_up(self) -> None:
        """Wait while it is behind."""
        await self._writable.wait()

    async def release_suspects(self) -> None:
        """Give back, marked, what was delivered again and again without ever being settled."""
        suspects = self._queue.suspects()
        if suspects:
            await persist(lambda: self._store.suspect(suspects), "suspect")
            await self._queue.ack(suspects)
            self._freed()

    async def renew(self, leases: list[Lease], terms: LeaseTerms) -> list[Lease]:
        """Return those of *leases*, none of them sent yet, that still are this process's, renewed.

        What ``renew_overdue`` has renewed while they waited here, or just does, is no loss.
        """
        async with self._renewal:
            newest = [self._newest(lease) for lease in leases]
            return await persist(lambda: self._store.renew(newest, terms), "renew")

    async def renew_overdue(self, terms: LeaseTerms) -> None:
        """Renew, in this process's name, what keeps broker messages waiting, and ack those.

        A result that comes in meanwhile waits for the new token; one that is
        being written already needs none.
        """
        async with self._renewal:
            overdue = [one for one in self._queue.overdue() if one.webhook_id not in self._settling]
            if not overdue:
                return
            self._renewing = {lease.webhook_id for lease in overdue}
            try:
                renewed = await persist(lambda: self._store.renew(overdue, terms), "renew")
                self._renewed.update((lease.webhook_id, lease) for lease in renewed)
            finally:
                self._renewing = set()
                parked, self._parked = self._parked, []
                for again in parked:
                    again()
        await self._queue.ack(overdue)

    def _newest(self, lease: Lease) -> Lease:
        """Return *lease* as it was renewed, unless it is a later one itself; that is told once."""
        renewed = self._renewed.pop(lease.webhook_id, lease)
        return renewed if renewed.token > lease.token else lease

    async def drain(self) -> None:
        """Wait until everything handed in so far is written."""
        await self._results.drain()
        await self._unspent.drain()

    def abandon(self) -> None:
        """Give up what is not written: the store finds its leases again by itself."""
        self._results.abandon()
        self._unspent.abandon()

    async def _record(self, batch: list[Result]) -> None:
        try:
            current = await persist(lambda: self._try_record(batch), "record")
        finally:
            self._unwritten -= len(batch)
            self._away = False
            self._see_whether_behind()
        finished = 0
        freed = False
        for result, was_current in zip(batch, current, strict=True):
            if was_current and result.decision.state in FINAL:
                finished += 1
                self._metrics.finished[result.decision.state] += 1
            elif was_current:
                freed = True
        self._backlog.finished(finished)
        self._metrics.batch("recorder", len(batch))
        await self._settle([result.lease for result in batch])
        if freed:
            self._freed()

    async def _try_record(self, batch: list[Result]) -> list[bool]:
        try:
            return await self._store.record(batch)
        except Overloaded:
            self._away = True
            self._see_whether_behind()
            raise

    def _see_whether_behind(self) -> None:
        if self._away or self._unwritten >= UNWRITTEN:
            self._writable.clear()
        elif self.behind:
            self._writable.set()
            asyncio.get_running_loop().call_soon(self.on_caught_up)

    async def _release(self, batch: list[tuple[Lease, datetime | None]]) -> None:
        by_due: dict[datetime | None, list[Lease]] = {}
        for lease, due_at in batch:
            by_due.setdefault(due_at, []).append(lease)
        for due_at, leases in by_due.items():
            await persist(functools.partial(self._store.release, leases, due_at), "release")
        self._metrics.batch("release", len(batch))
        await self._settle([lease for lease, _due_at in batch])
        self._freed()

    async def _settle(self, leases: list[Lease]) -> None:
        self._settling.difference_update([lease.webhook_id for lease in leases])
        await self._queue.ack(leases)
        self._slots.give_back(leases)


def _nothing() -> None:
    """Do nothing."""
