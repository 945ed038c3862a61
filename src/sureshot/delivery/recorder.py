"""Writing down what happened: outcomes and given-back leases, in group commits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime

from sureshot.delivery.backlog import Backlog
from sureshot.delivery.batcher import Batcher
from sureshot.delivery.persist import persist
from sureshot.delivery.slots import Slots
from sureshot.domain.model import FINAL, Lease, Result
from sureshot.ports import Queue, Store
from sureshot.telemetry.metrics import Metrics


class Recorder:
    """Ends every lease that was taken: recorded or released, then its slot is free.

    While the store is away it keeps what it holds and tries again; the slots
    stay occupied, which bounds it.
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
        self._results: Batcher[Result] = Batcher(self._record)
        self._unspent: Batcher[tuple[Lease, datetime | None]] = Batcher(self._release)

    def record(self, result: Result) -> None:
        """Have *result* written with the forming batch."""
        self._results.add(result)

    def release(self, lease: Lease, due_at: datetime | None = None) -> None:
        """Have the unspent *lease* given back with the forming batch."""
        self._unspent.add((lease, due_at))

    async def drain(self) -> None:
        """Wait until everything handed in so far is written."""
        await self._results.drain()
        await self._unspent.drain()

    async def _record(self, batch: list[Result]) -> None:
        current = await persist(lambda: self._store.record(batch), "record")
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
        await self._queue.ack(leases)
        self._slots.give_back(leases)
