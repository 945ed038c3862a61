"""The running delivery line: its tasks, its pause, its drain, and what people ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from datetime import datetime

from sureshot.delivery.backlog import Backlog
from sureshot.delivery.change_feed import ChangeFeed
from sureshot.delivery.directory import Directory
from sureshot.delivery.dispatcher import Dispatcher
from sureshot.delivery.heartbeat import Heartbeat
from sureshot.delivery.housekeeper import Housekeeper
from sureshot.delivery.intake import Intake
from sureshot.delivery.lane_status import LaneStatus
from sureshot.delivery.lanes import Lanes
from sureshot.delivery.recorder import Recorder
from sureshot.delivery.scheduler import Scheduler
from sureshot.delivery.slots import Slots
from sureshot.delivery.worker import Worker
from sureshot.domain.errors import IllegalTransition
from sureshot.domain.model import FINAL, Webhook, WebhookState
from sureshot.ports import Census, Change, ChangeKind, Clock, Counts, Queue, Sender, Store
from sureshot.telemetry.logging import get_logger

GRACE_S = 3.0
"""Beyond the time to drain, for the last writes; a store that is away does not get more."""

log = get_logger()


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
    heartbeat: Heartbeat
    changes: ChangeFeed


class Engine:
    """Runs worker, scheduler and housekeeping; the API talks to the line through it."""

    def __init__(self, parts: Parts, role: str = "all") -> None:
        """*role* chooses which parts run: ``all``, ``api``, ``worker`` or ``scheduler``."""
        self._parts = parts
        self._role = role
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._paused = False
        self._draining = False
        self.died = asyncio.Event()
        """Set when a part of the line has ended by itself: this process is of no more use."""

    # -- life ---------------------------------------------------------------

    async def start(self) -> None:
        """Load what the store remembers and start delivering."""
        parts = self._parts
        self._connect()
        await parts.heartbeat.beat()
        await parts.queue.open()
        await parts.directory.load()
        await parts.lanes.load()
        await parts.backlog.refresh()
        self._paused = await parts.store.paused()
        parts.dispatcher.stopped = self._paused
        loop = asyncio.get_running_loop()
        for name, work in self._work().items():
            self._tasks[name] = loop.create_task(work, name=name)
            self._tasks[name].add_done_callback(self._report_death)

    def _work(self) -> dict[str, Coroutine[None, None, None]]:
        """Return what this role does all the time."""
        parts = self._parts
        work = {"heartbeat": parts.heartbeat.run(), "changes": parts.changes.run(),
                "backlog": parts.backlog.keep_fresh()}  # fmt: skip
        if self._role in {"all", "worker"}:
            work |= {"worker": parts.worker.run(), "keeper": parts.worker.keep_leases(),
                     "sweep": self._sweep()}  # fmt: skip
        if self._role in {"all", "scheduler"}:
            work |= {"scheduler": parts.scheduler.run(), "housekeeper": parts.housekeeper.run()}
        return work

    def _connect(self) -> None:
        """Have the parts hear of what other processes do."""
        parts, changes = self._parts, self._parts.changes
        parts.heartbeat.takes_over = self._role in {"all", "scheduler"}
        parts.heartbeat.on_rejoin = self._rejoined
        parts.heartbeat.on_takeover = self._took_over
        parts.heartbeat.on_census = self._count_workers
        parts.store.watch(changes.tell)
        changes.on(ChangeKind.DUE, self._due_elsewhere)
        changes.on(ChangeKind.LANE, self._lane_changed)
        changes.on(ChangeKind.PAUSE, self._pause_changed)
        changes.on(ChangeKind.ENDPOINT, self._endpoint_changed)
        changes.on(ChangeKind.TENANT, self._tenant_changed)
        changes.on(ChangeKind.PEER, self._peer_came)
        changes.on(ChangeKind.CANCELLED, self._cancelled_elsewhere)

    def _rejoined(self) -> None:
        self._parts.worker.doubt()
        self._parts.dispatcher.release_all_waiting()

    def _took_over(self) -> None:
        self._parts.lanes.open_full_elsewhere()
        self._parts.scheduler.wake()

    def _count_workers(self, _census: Census) -> None:
        self._parts.lanes.divide_by(self._parts.heartbeat.workers())

    # -- changes made by other processes ------------------------------------

    async def _due_elsewhere(self, _change: Change) -> None:
        self._parts.scheduler.wake()

    async def _lane_changed(self, change: Change) -> None:
        if change.kind is ChangeKind.EVERYTHING:
            await self._parts.lanes.reload()
        else:
            self._parts.lanes.observe(change.subject, change.closed)
        self._parts.scheduler.wake()

    async def _pause_changed(self, _change: Change) -> None:
        self._apply_pause(paused=await self._parts.store.paused())

    async def _endpoint_changed(self, change: Change) -> None:
        if change.kind is ChangeKind.EVERYTHING:
            await self._parts.directory.load()
        else:
            await self._parts.directory.reload_endpoint(change.subject)

    async def _tenant_changed(self, _change: Change) -> None:
        await self._parts.directory.reload_tenants()

    async def _peer_came(self, _change: Change) -> None:
        self._parts.heartbeat.wake()

    async def _cancelled_elsewhere(self, change: Change) -> None:
        if change.kind is ChangeKind.CANCELLED:
            self._parts.dispatcher.void(change.subject)

    async def drain(self, within_s: float) -> None:
        """Stop taking work, finish or release what is in flight within *within_s* seconds.

        It ends a few seconds later at the latest. What could not be written until
        then is found again in the store: its leases run out, or are given up.
        """
        parts = self._parts
        self._draining = True
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        await _until(end_s + GRACE_S, parts.intake.drain())
        # Not cancelled: what it has leased just now would be nobody's until the lease ends.
        parts.scheduler.stop()
        if "scheduler" in self._tasks:
            left_s = max(0.0, end_s - loop.time())
            await asyncio.wait([self._tasks["scheduler"]], timeout=left_s)
        parts.dispatcher.stopped = True
        await _until(end_s + GRACE_S, parts.queue.drain())
        parts.dispatcher.release_all_waiting()
        await _until(end_s, self._nothing_in_flight())
        await parts.sender.close()
        if not await _until(end_s + GRACE_S, self._written()):
            log.warning("engine.not_written", in_flight=parts.slots.taken)
            parts.dispatcher.closer.abandon()
            parts.recorder.abandon()
            parts.lanes.abandon()
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=1.0)
        await _until(end_s + 2 * GRACE_S, parts.queue.close())

    async def _nothing_in_flight(self) -> None:
        parts = self._parts
        while parts.slots.taken or parts.queue.left_here():  # noqa: ASYNC110 - two parts to watch
            await asyncio.sleep(0.02)

    async def _written(self) -> None:
        # What was found out gives leases back, and giving back writes to lanes.
        await self._parts.dispatcher.closer.drain()
        await self._parts.recorder.drain()
        self._parts.lanes.open_full()
        await self._parts.lanes.drain()

    def _report_death(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if not self._draining and not task.cancelled():
            log.error("engine.task_died", task=task.get_name(), exc_info=error)
            self.died.set()

    @property
    def ready(self) -> bool:
        """Whether every part of the line runs and new work is welcome."""
        return (
            bool(self._tasks)
            and not self._draining
            and not any(task.done() for task in self._tasks.values())
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
    def in_flight_everywhere(self) -> int:
        """How many all processes hold, as their last heartbeats say."""
        peers = self._parts.heartbeat.census.peers
        if len(peers) < 2:
            return self.in_flight
        return sum(peer.beat.in_flight for peer in peers)

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
        self._apply_pause(paused=True)

    async def resume(self) -> None:
        """Send again, what waited first."""
        await self._parts.store.set_paused(paused=False)
        self._apply_pause(paused=False)

    def _apply_pause(self, *, paused: bool) -> None:
        self._paused = paused
        self._parts.dispatcher.stopped = paused or self._draining
        if paused:
            self._parts.dispatcher.release_all_waiting()
        else:
            self._parts.scheduler.wake()

    async def cancel(self, tenant: str, webhook_id: str) -> Webhook | None:
        """Cancel a webhook unless final; see ``Store.cancel``."""
        before = await self._parts.store.cancel(tenant, webhook_id)
        if before is not None and before.state not in FINAL:
            self._parts.backlog.finished(1)
            if before.leased:
                self._parts.dispatcher.void(webhook_id)
        return before

    async def retry(
        self, tenant: str, webhook_id: str, *, force: bool = False, due_at: datetime | None = None
    ) -> Webhook | None:
        """Make a webhook due now, or then; see ``Store.retry``.

        Raises ``IllegalTransition`` when its endpoint is deleted: it can go nowhere.
        """
        found = await self._parts.store.get(tenant, webhook_id)
        endpoint_id = None if found is None else found.endpoint_id
        if endpoint_id is not None and not await self._parts.directory.exists(endpoint_id):
            raise IllegalTransition(f"its endpoint {endpoint_id} is deleted")
        now = due_at or self._parts.clock.now()
        before = await self._parts.store.retry(tenant, webhook_id, force=force, now=now)
        if before is not None and (force or before.state is not WebhookState.DELIVERED):
            self._parts.dispatcher.unvoid(webhook_id)
            self._parts.lanes.reopen(before.lane)
            self._parts.scheduler.wake()
        return before


async def _until(end_s: float, work: Awaitable[None]) -> bool:
    """Await *work* until the loop's clock shows *end_s*; return whether it was done."""
    try:
        async with asyncio.timeout_at(end_s):
            await work
    except TimeoutError:
        return False
    return True
