"""The running delivery line: its tasks, its pause, its drain, and what people ask of it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from sureshot.delivery.backlog import Backlog
from sureshot.delivery.directory import Directory
from sureshot.delivery.dispatcher import Dispatcher
from sureshot.delivery.housekeeper import Housekeeper
from sureshot.delivery.intake import Intake
from sureshot.delivery.lane_status import LaneStatus
from sureshot.delivery.lanes import Lanes
from sureshot.delivery.recorder import Recorder
from sureshot.delivery.scheduler import Scheduler
from sureshot.delivery.slots import Slots
from sureshot.delivery.worker import Worker
from sureshot.domain.model import FINAL, Webhook, WebhookState
from sureshot.ports import Clock, Counts, Queue, Sender, Store
from sureshot.telemetry.logging import get_logger

log = get_logger()

VOIDED_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Parts:
    """The pieces an engine runs, built by the composition root."""

    store: Store
    queue: Queue
    sender: Sender
    clock: Clock
    directory: Directory
    lanes: Lanes
    slots: Slots
    backlog: Backlog
    recorder: Recorder
    dispatcher: Dispatcher
    worker: Worker
    scheduler: Scheduler
    intake: Intake
    housekeeper: Housekeeper


class Engine:
    """Runs worker, scheduler and housekeeping; the API talks to the line through it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tasks: list[asyncio.Task[None]] = []
        self._paused = False
        self._draining = False

    # -- life ---------------------------------------------------------------

    async def start(self) -> None:
        """Load what the store remembers and start delivering."""
        parts = self._parts
        await parts.directory.load()
        await parts.lanes.load()
        await parts.backlog.refresh()
        self._paused = await parts.store.paused()
        parts.dispatcher.stopped = self._paused
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(parts.worker.run(), name="worker"),
            loop.create_task(parts.scheduler.run(), name="scheduler"),
            loop.create_task(parts.backlog.keep_fresh(), name="backlog"),
            loop.create_task(self._sweep(), name="sweep"),
            loop.create_task(parts.housekeeper.run(), name="housekeeper"),
        ]
        for task in self._tasks:
            task.add_done_callback(_report_death)

    async def drain(self, within_s: float) -> None:
        """Stop taking work, finish or release what is in flight within *within_s* seconds."""
        parts = self._parts
        self._draining = True
        await parts.intake.drain()
        self._tasks[1].cancel()
        parts.dispatcher.stopped = True
        parts.dispatcher.release_all_waiting()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while parts.slots.taken or parts.queue.depth():  # noqa: ASYNC110 - two parts to watch
                    await asyncio.sleep(0.02)
        await parts.sender.close()
        await parts.recorder.drain()
        await parts.lanes.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def ready(self) -> bool:
        """Whether every part of the line runs and new work is welcome."""
        return (
            bool(self._tasks) and not self._draining and not any(t.done() for t in self._tasks[:4])
        )

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._parts.dispatcher.release_expiring()

    # -- figures ------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """How many leases this process holds between queue and record."""
        return self._parts.slots.taken

    @property
    def paused(self) -> bool:
        """Whether sending is paused."""
        return self._paused

    async def counts(self) -> Counts:
        """Return how much waits, asked of the store now."""
        return await self._parts.backlog.refresh()

    def lane_status(self, lane: str) -> LaneStatus:
        """Return what can be said about the lane."""
        return self._parts.lanes.status(lane)

    def takes(self, lane: str) -> bool:
        """Whether a newborn webhook of *lane* may be leased at once."""
        return not self._paused and self._parts.lanes.is_open(lane)

    def wake(self) -> None:
        """Look at once for what is due: something may have become so."""
        self._parts.scheduler.wake()

    # -- what people ask for ------------------------------------------------

    async def pause(self) -> None:
        """Stop sending; what is on the wire finishes, everything else goes back to the store."""
        await self._parts.store.set_paused(paused=True)
        self._paused = True
        self._parts.dispatcher.stopped = True
        self._parts.dispatcher.release_all_waiting()

    async def resume(self) -> None:
        """Send again, what waited first."""
        await self._parts.store.set_paused(paused=False)
        self._paused = False
        self._parts.dispatcher.stopped = False
        self._parts.scheduler.wake()

    async def cancel(self, tenant: str, webhook_id: str) -> Webhook | None:
        """Cancel a webhook unless final; see ``Store.cancel``."""
        before = await self._parts.store.cancel(tenant, webhook_id)
        if before is not None and before.state not in FINAL:
            self._parts.backlog.finished(1)
            if before.leased and len(self._parts.dispatcher.voided) < VOIDED_REMEMBERED:
                self._parts.dispatcher.voided.add(webhook_id)
        return before

    async def retry(self, tenant: str, webhook_id: str, *, force: bool = False) -> Webhook | None:
        """Make a webhook due now; see ``Store.retry``."""
        now = self._parts.clock.now()
        before = await self._parts.store.retry(tenant, webhook_id, force=force, now=now)
        if before is not None and (force or before.state is not WebhookState.DELIVERED):
            self._parts.dispatcher.voided.discard(webhook_id)
            self._parts.lanes.reopen(before.lane)
            self._parts.scheduler.wake()
        return before


def _report_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("engine.task_died", task=task.get_name(), exc_info=error)
