"""The process's bound on leases in hand, by count and by bytes of payload."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from sureshot.domain.model import Lease


class Slots:
    """Every lease taken from the queue holds a slot until it is recorded or released."""

    def __init__(self, limit: int, limit_bytes: int) -> None:
        self.limit = limit
        self._limit_bytes = limit_bytes
        self.taken = 0
        self._bytes = 0
        self._freed = asyncio.Event()

    def free(self) -> int:
        """Return how many more leases may be taken now."""
        return self.limit - self.taken if self._bytes < self._limit_bytes else 0

    async def wait_free(self) -> int:
        """Wait for at least one free slot and return how many there are."""
        while self.free() <= 0:
            self._freed.clear()
            await self._freed.wait()
        return self.free()

    def take(self, leases: Iterable[Lease]) -> None:
        """Occupy a slot for each of *leases*."""
        for lease in leases:
            self.taken += 1
            self._bytes += len(lease.payload)

    def give_back(self, leases: Iterable[Lease]) -> None:
        """Free the slots of *leases*."""
        for lease in leases:
            self.taken -= 1
            self._bytes -= len(lease.payload)
        self._freed.set()

    async def wait_empty(self) -> None:
        """Wait until no lease is in hand."""
        while self.taken:
            self._freed.clear()
            await self._freed.wait()
