"""Closing what takes nothing: endpoints that answered 410, or got leases although they are shut."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime, timedelta

from sureshot.delivery.batcher import Batcher
from sureshot.delivery.directory import Directory
from sureshot.delivery.persist import persist
from sureshot.domain.model import Lease
from sureshot.ports import Clock

LATER_S = 1.0
"""What nobody takes is not due again at once, so that no mistake of ours ever spins."""


class Closer:
    """Writes to the store what the dispatcher finds out about endpoints, and tries until it is."""

    def __init__(
        self,
        directory: Directory,
        clock: Clock,
        give_back: Callable[[Lease, datetime | None], None],
    ) -> None:
        """*give_back* releases a lease unspent, due then or (None) as it was before."""
        self._directory = directory
        self._clock = clock
        self._give_back = give_back
        self._gone: Batcher[str] = Batcher(self._disable)
        self._strays: Batcher[tuple[Lease, str]] = Batcher(self._put_right)

    def gone(self, endpoint_id: str) -> None:
        """Disable an endpoint soon: its receiver answered 410."""
        self._gone.add(endpoint_id)

    def stray(self, lease: Lease, endpoint_id: str) -> None:
        """Give *lease* back soon: its endpoint is unknown here, or disabled.

        First it is looked up, for it may have been made or enabled a moment ago
        elsewhere. What waits for one that is gone is cancelled, this lease with it.
        """
        self._strays.add((lease, endpoint_id))

    async def drain(self) -> None:
        """Wait until everything is written."""
        await self._gone.drain()
        await self._strays.drain()

    def abandon(self) -> None:
        """Give up what is not written."""
        self._gone.abandon()
        self._strays.abandon()

    async def _disable(self, batch: list[str]) -> None:
        for endpoint_id in set(batch):
            disable = functools.partial(self._directory.disable, endpoint_id, "gone")
            await persist(disable, "endpoint")

    async def _put_right(self, batch: list[tuple[Lease, str]]) -> None:
        takes = {}
        for endpoint_id in {endpoint_id for _lease, endpoint_id in batch}:
            put_right = functools.partial(self._directory.put_right, endpoint_id)
            takes[endpoint_id] = await persist(put_right, "endpoint")
        later = self._clock.now() + timedelta(seconds=LATER_S)
        for lease, endpoint_id in batch:
            self._give_back(lease, None if takes[endpoint_id] else later)
