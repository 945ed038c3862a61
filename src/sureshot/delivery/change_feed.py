"""What other processes changed in the store, applied to this one's memory in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sureshot.delivery.persist import persist
from sureshot.ports import Change, ChangeKind

Apply = Callable[[Change], Awaitable[None]]

MOST_WAITING = 1000
"""With more changes waiting than this, everything is read anew instead."""


class ChangeFeed:
    """Applies changes one after the other, each as often as the store needs to answer."""

    def __init__(self) -> None:
        self._appliers: dict[ChangeKind, Apply] = {}
        self._waiting: asyncio.Queue[Change] = asyncio.Queue()

    def on(self, kind: ChangeKind, apply: Apply) -> None:
        """Have *apply* called for changes of *kind*, and when some may have been missed."""
        self._appliers[kind] = apply

    def tell(self, change: Change) -> None:
        """Take in a change; the store calls this."""
        if self._waiting.qsize() > MOST_WAITING:
            while not self._waiting.empty():
                self._waiting.get_nowait()
            change = Change(ChangeKind.EVERYTHING)
        self._waiting.put_nowait(change)

    async def run(self) -> None:
        """Apply changes until cancelled."""
        while True:
            change = await self._waiting.get()
            if change.kind is ChangeKind.EVERYTHING:
                for kind in list(self._appliers):
                    await self._apply(kind, change)
            else:
                await self._apply(change.kind, change)

    async def _apply(self, kind: ChangeKind, change: Change) -> None:
        apply = self._appliers.get(kind)
        if apply is not None:
            await persist(lambda: apply(change), f"change of {kind}")
