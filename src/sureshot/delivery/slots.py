"""The process's bound on leases in hand, by count and by bytes of payload."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable

from sureshot.domain.model import Lease


class _Held:
    """What one tenant has of them."""

    __slots__ = ("count", "size_bytes")

    def __init__(self) -> None:
        self.count = 0
        self.size_bytes = 0


class Slots:
    """Every lease taken from the queue holds a slot until it is recorded or released.

    Where there are several tenants each has at most half of them: what hangs cannot be
    taken back when another comes, so the other half is kept free beforehand.
    """

    def __init__(self, limit: int, limit_bytes: int) -> None:
        self.several_tenants: Callable[[], bool] = lambda: False
        """Tells whether there is more than one tenant."""
        self.limit = limit
        self._half = max(1, limit // 2)
        self._limit_bytes = limit_bytes
        self.taken = 0
        self._bytes = 0
        self._held: dict[str, _Held] = {}
        self._freed = asyncio.Event()

    def free(self) -> int:
        """Return how many more leases may be taken now."""
        return self.limit - self.taken if self._bytes < self._limit_bytes else 0

    def room_of(self, tenant: str) -> int:
        """Return how many more slots *tenant* may have now."""
        held = self._held.get(tenant)
        most, most_bytes = self._most()
        if held is None:
            return most
        return most - held.count if held.size_bytes < most_bytes else 0

    async def wait_free(self) -> int:
        """Wait for at least one free slot and return how many there are."""
        while self.free() <= 0:
            self._freed.clear()
            await self._freed.wait()
        return self.free()

    def take(self, leases: Iterable[Lease]) -> list[Lease]:
        """Occupy a slot for each of *leases*; return those that are beyond their tenant's share.

        They are to be given back at once.
        """
        most, most_bytes = self._most()
        beyond: list[Lease] = []
        for lease in leases:
            size_bytes = len(lease.payload)
            held = self._held.get(lease.tenant)
            if held is None:
                held = self._held[lease.tenant] = _Held()
            elif held.count >= most or held.size_bytes >= most_bytes:
                beyond.append(lease)
            held.count += 1
            held.size_bytes += size_bytes
            self.taken += 1
            self._bytes += size_bytes
        return beyond

    def give_back(self, leases: Iterable[Lease]) -> None:
        """Free the slots of *leases*."""
        for lease in leases:
            size_bytes = len(lease.payload)
            # Gone already where a bug with one webhook has given it back twice.
            held = self._held.get(lease.tenant)
            if held is not None:
                held.count -= 1
                held.size_bytes -= size_bytes
                if held.count <= 0:
                    del self._held[lease.tenant]
            self.taken -= 1
            self._bytes -= size_bytes
        self._freed.set()

    async def wait_empty(self) -> None:
        """Wait until no lease is in hand."""
        while self.taken:
            self._freed.clear()
            await self._freed.wait()

    def _most(self) -> tuple[int, int]:
        """Return how many slots, and how many bytes, one tenant may have."""
        if self.several_tenants():
            return self._half, max(1, self._limit_bytes // 2)
        return sys.maxsize, sys.maxsize
