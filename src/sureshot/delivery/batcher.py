"""Natural batching: whatever gathers while one flush runs is the next batch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sureshot.telemetry.logging import get_logger

log = get_logger()

T = TypeVar("T")


class Batcher(Generic[T]):
    """Hands gathered items to *flush*, one batch at a time, at most *limit* each.

    An idle batcher adds no delay beyond one turn of the event loop, a busy one
    amortises. *flush* must not raise: what happens to its items is its affair.
    """

    def __init__(self, flush: Callable[[list[T]], Awaitable[None]], limit: int = 1000) -> None:
        self._flush = flush
        self._limit = limit
        self._gathered: list[T] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, item: T) -> None:
        """Put *item* into the forming batch."""
        self._gathered.append(item)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def __len__(self) -> int:
        return len(self._gathered)

    async def _run(self) -> None:
        try:
            while self._gathered:
                batch, self._gathered = (
                    self._gathered[: self._limit],
                    self._gathered[self._limit :],
                )
                try:
                    await self._flush(batch)
                except Exception:
                    # What is in this batch is found again when its leases run out; a
                    # batcher that stopped would lose everything after it, silently.
                    log.exception("batch.failed", items=len(batch))
        finally:
            self._task = None

    def abandon(self) -> None:
        """Drop what is gathered and end the flush under way: nobody waits for it any more."""
        self._gathered = []
        if self._task is not None:
            self._task.cancel()

    async def drain(self) -> None:
        """Wait until everything gathered so far, and since, is flushed."""
        while self._task is not None:
            await asyncio.shield(self._task)
