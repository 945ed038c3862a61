"""The queue of the embedded profile: leases in this process's memory, bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from sureshot.domain.errors import Overloaded
from sureshot.domain.model import Lease
from sureshot.ports import Census

FEED_S = 0.5
"""Beside other processes only what is taken in so long is kept here: the rest stays in the
store, where whoever has room finds it."""
FIRST_ROOM = 1000
"""Kept in any case, as far as there are slots for it: a burst may come after a silence."""
SHORTEST_S = 0.05
"""Between two looks at the rate; what is seen in less says little."""


def _ignore(_waited_s: float, _leases: int) -> None:
    """Observe nothing."""


class MemoryQueue:
    """``ports.Queue`` without a broker: first in, first out, by batch.

    *observe* is told how long each batch waited and how many of its leases
    were taken together. Leases in it die with the process; the store finds
    them again.
    """

    brokered = False
    connections = 0

    def __init__(
        self,
        limit: int,
        limit_bytes: int,
        monotonic: Callable[[], float] | None = None,
        observe: Callable[[float, int], None] = _ignore,
        slots: int = FIRST_ROOM,
    ) -> None:
        """*slots* is how many leases this process has in hand at most."""
        self._limit = self._limit_now = limit
        self._first_room = min(slots, FIRST_ROOM)
        self._limit_bytes = limit_bytes
        self._monotonic = monotonic or asyncio.get_running_loop().time
        self._observe = observe
        self._batches: deque[tuple[float, deque[Lease]]] = deque()
        self._depth = 0
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._closed = False
        self._learned = (self._monotonic(), 0)
        self.published = 0
        self.taken = 0
        self.poisoned = 0

    async def open(self) -> None:
        """See ``Queue.open``; there is nothing to get ready."""

    def learn(self, census: Census) -> None:
        """See ``Queue.learn``; beside others, what cannot be taken soon is left to them."""
        (before_s, before), now_s = self._learned, self._monotonic()
        self._learned = (now_s, self.taken)
        if len(census.peers) < 2:
            self._limit_now = self._limit
            return
        per_s = (self.taken - before) / max(now_s - before_s, SHORTEST_S)
        soon = max(self._first_room, round(FEED_S * per_s))
        self._limit_now = min(self._limit, soon)

    async def ready_messages(self) -> int | None:
        """See ``Queue.ready_messages``; there is no broker."""
        return None

    async def drain(self) -> None:
        """See ``Queue.drain``."""

    def left_here(self) -> int:
        """See ``Queue.left_here``: all of it."""
        return self._depth

    def suspects(self) -> list[Lease]:
        """See ``Queue.suspects``; what dies with this process is noticed by the others."""
        return []

    def overdue(self) -> list[Lease]:
        """See ``Queue.overdue``; no broker keeps anything."""
        return []

    def room(self) -> tuple[int, int]:
        """See ``Queue.room``."""
        return max(0, self._limit_now - self._depth), max(0, self._limit_bytes - self._bytes)

    def depth(self) -> int:
        """See ``Queue.depth``."""
        return self._depth

    async def publish(self, leases: Sequence[Lease]) -> None:
        """See ``Queue.publish``; raises ``Overloaded`` when they do not all fit."""
        if not leases:
            return
        size = sum(len(lease.payload) for lease in leases)
        # What was leased while there was more room is not turned away.
        if len(leases) > self._limit - self._depth or (
            size > self._limit_bytes - self._bytes and self._depth
        ):
            raise Overloaded("the queue is full", reason="queue_full")
        self._batches.append((self._monotonic(), deque(leases)))
        self._depth += len(leases)
        self.published += len(leases)
        self._bytes += size
        self._arrived.set()

    async def take(self, limit: int) -> list[Lease]:
        """See ``Queue.take``."""
        while not self._depth and not self._closed:
            self._arrived.clear()
            await self._arrived.wait()
        return self.take_now(limit)

    def take_now(self, limit: int) -> list[Lease]:
        """Return what is there, at most *limit*, without waiting."""
        taken: list[Lease] = []
        while self._batches and len(taken) < limit:
            published_at, batch = self._batches[0]
            wanted = min(len(batch), limit - len(taken))
            if wanted == len(batch):
                self._batches.popleft()
                taken.extend(batch)
            else:
                taken.extend(batch.popleft() for _ in range(wanted))
            self._observe(self._monotonic() - published_at, wanted)
        self._depth -= len(taken)
        self.taken += len(taken)
        self._bytes -= sum(len(lease.payload) for lease in taken)
        return taken

    async def ack(self, leases: Sequence[Lease]) -> None:
        """See ``Queue.ack``; what was taken is already forgotten here."""

    async def close(self) -> None:
        """See ``Queue.close``."""
        self._closed = True
        self._arrived.set()
