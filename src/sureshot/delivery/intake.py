"""Taking webhooks in: join the forming batch, one transaction, then 202."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from sureshot.delivery.backlog import Backlog
from sureshot.delivery.batcher import Batcher
from sureshot.delivery.fan_out import check_size, webhooks_of
from sureshot.domain.errors import Draining, Overloaded, StoreUnavailable
from sureshot.domain.model import Event, Lease, NewWebhook
from sureshot.ports import (
    Added,
    AddEventResult,
    AddResult,
    Clock,
    LeaseTerms,
    Queue,
    QueueRefused,
    Store,
)
from sureshot.telemetry.logging import get_logger
from sureshot.telemetry.metrics import Metrics

log = get_logger()

Answered = Callable[[AddResult | Overloaded], None]

FRESH_SHARE = 0.8
"""The part of the queue's room that fresh webhooks may fill while older work waits."""


class IntakeLimits(msgspec.Struct, frozen=True):
    """How much may wait for its commit, and how long a newborn lease lasts."""

    count: int = 10_000
    size_bytes: int = 64 << 20
    lease_s: float = 60.0


class Intake:
    """Group commit for submissions: while one commit runs, the next batch forms."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        backlog: Backlog,
        clock: Clock,
        metrics: Metrics,
        owner: str,
        limits: IntakeLimits,
        lane_open: Callable[[str], bool],
        freed: Callable[[], None],
    ) -> None:
        """*lane_open* tells whether a lane takes leases now; *freed* that free rows were stored."""
        self._store = store
        self._queue = queue
        self._backlog = backlog
        self._clock = clock
        self._metrics = metrics
        self._owner = owner
        self._limits = limits
        self._lane_open = lane_open
        self._freed = freed
        self._batcher: Batcher[tuple[NewWebhook, Answered]] = Batcher(self._flush)
        self._waiting = 0
        self._waiting_bytes = 0
        self._fanning_out = 0
        self._draining = False

    def submit(self, webhook: NewWebhook, answered: Answered) -> None:
        """Store *webhook* with the forming batch; *answered* is called once it is durable.

        Raises ``Overloaded`` at once when a limit is reached; nothing is stored
        then. *answered* must not raise.
        """
        self._admit(1, len(webhook.payload))
        self._batcher.add((webhook, answered))

    async def submit_one(self, webhook: NewWebhook) -> AddResult:
        """Store *webhook* and return its result; raises ``Overloaded``."""
        (result,) = await self.submit_all([webhook])
        return result

    async def submit_all(self, webhooks: Sequence[NewWebhook]) -> list[AddResult]:
        """Store *webhooks*, all or none, and return their results in order.

        Raises ``Overloaded``.
        """
        if not webhooks:
            return []
        self._admit(len(webhooks), sum(len(webhook.payload) for webhook in webhooks))
        # Shielded: a client that hangs up must not leave the counts half done.
        results = await asyncio.shield(self._commit(webhooks))
        if isinstance(results, Overloaded):
            raise results
        return results

    async def submit_event(
        self, event: Event, endpoint_ids: Sequence[str], new_id: Callable[[datetime], str]
    ) -> AddEventResult:
        """Store *event* with a webhook for each endpoint, all or none.

        Raises ``Overloaded``, and ``BodyTooLarge`` when it is too much for one
        transaction.
        """
        check_size(event)
        self._admit_event(len(endpoint_ids), len(event.payload))
        result = await asyncio.shield(self._commit_event(event, endpoint_ids, new_id))
        if isinstance(result, Overloaded):
            raise result
        return result

    def refusal(self, count: int, size_bytes: int) -> Overloaded | None:
        """Return why *count* webhooks of *size_bytes* together would be refused now, or None."""
        return self._refusal(count, size_bytes, full=self._waiting + count > self._limits.count)

    def _admit(self, count: int, size_bytes: int) -> None:
        refusal = self.refusal(count, size_bytes)
        if refusal is not None:
            raise refusal
        self._waiting += count
        self._waiting_bytes += size_bytes

    def _admit_event(self, count: int, size_bytes: int) -> None:
        # Events have as much room of their own, so that a big one does not shut out
        # the others; alone, one may be bigger than that.
        crowded = self._fanning_out > 0 and self._fanning_out + count > self._limits.count
        refusal = self._refusal(count, size_bytes, full=crowded)
        if refusal is not None:
            raise refusal
        self._fanning_out += count
        self._waiting_bytes += size_bytes

    def _refusal(self, count: int, size_bytes: int, *, full: bool) -> Overloaded | None:
        if self._draining:
            return Draining("the service is shutting down", reason="draining", retry_after_s=5)
        over = self._backlog.refusal(self._waiting + self._fanning_out + count)
        if over is not None:
            return over
        if full or self._waiting_bytes + size_bytes > self._limits.size_bytes:
            return Overloaded(
                "more submissions are waiting to be stored than the service holds at once",
                reason="intake_full",
            )
        return None

    async def _flush(self, batch: list[tuple[NewWebhook, Answered]]) -> None:
        try:
            committed = await self._commit([webhook for webhook, _answered in batch])
        except Exception:
            # Nobody may be left without an answer; the batcher logs what happened.
            unknown = StoreUnavailable("storing failed", reason="store_unavailable")
            for _webhook, answered in batch:
                answered(unknown)
            raise
        results: Sequence[AddResult | Overloaded]
        results = [committed] * len(batch) if isinstance(committed, Overloaded) else committed
        for (webhook, answered), result in zip(batch, results, strict=True):
            try:
                answered(result)
            except Exception:
                # One client that cannot be answered must not keep the others waiting.
                log.exception("intake.answer_failed", webhook_id=webhook.id)

    async def _commit(self, webhooks: Sequence[NewWebhook]) -> list[AddResult] | Overloaded:
        now = self._clock.now()
        try:
            terms = self._terms(now)
            results = await self._store.add(self._choose_leased(webhooks, now), terms)
        except Overloaded as error:
            return error
        finally:
            self._waiting -= len(webhooks)
            self._waiting_bytes -= sum(len(webhook.payload) for webhook in webhooks)
        await self._hand_over(results)
        return results

    async def _commit_event(
        self, event: Event, endpoint_ids: Sequence[str], new_id: Callable[[datetime], str]
    ) -> AddEventResult | Overloaded:
        try:
            webhooks = await webhooks_of(event, endpoint_ids, new_id)
            now = self._clock.now()
            batch = self._choose_leased(webhooks, now)
            terms = self._terms(now)
            result = await self._store.add_event(event, batch, terms)
        except Overloaded as error:
            return error
        finally:
            self._fanning_out -= len(endpoint_ids)
            self._waiting_bytes -= len(event.payload)
        if isinstance(result, list) and result:
            await self._hand_over(result)
        return result

    def _terms(self, now: datetime) -> LeaseTerms:
        """Return the terms of a first lease: in a broker nobody owns it yet."""
        owner = None if self._queue.brokered else self._owner
        return LeaseTerms(owner, now + timedelta(seconds=self._limits.lease_s))

    def _choose_leased(
        self, webhooks: Sequence[NewWebhook], now: datetime
    ) -> list[tuple[NewWebhook, bool]]:
        room, room_bytes = self._queue.room()
        if self._backlog.free > 0:
            room, room_bytes = int(room * FRESH_SHARE), int(room_bytes * FRESH_SHARE)
        chosen = []
        for webhook in webhooks:
            leased = (
                room > 0
                and room_bytes >= len(webhook.payload)
                and webhook.due_at <= now
                and self._lane_open(webhook.lane)
            )
            if leased:
                room -= 1
                room_bytes -= len(webhook.payload)
            chosen.append((webhook, leased))
        return chosen

    async def _hand_over(self, results: Sequence[AddResult]) -> None:
        leases: list[Lease] = []
        added = 0
        for result in results:
            if type(result) is Added:
                added += 1
                if result.lease is not None:
                    leases.append(result.lease)
        free = added - len(leases)
        self._backlog.added(len(leases), free)
        self._metrics.accepted += added
        self._metrics.batch("intake", len(results))
        if leases:
            await self._publish(leases)
        if free:
            self._freed()

    async def _publish(self, leases: list[Lease]) -> None:
        try:
            await self._queue.publish(leases)
        except Overloaded as error:
            # The room shrank since it was looked at: the rows go back to the store.
            refused = error.leases if isinstance(error, QueueRefused) else leases
            with contextlib.suppress(Overloaded):
                await self._store.release(refused, None)
            self._freed()

    async def drain(self) -> None:
        """Refuse new work, then wait for what was admitted."""
        self._draining = True
        await self._batcher.drain()
