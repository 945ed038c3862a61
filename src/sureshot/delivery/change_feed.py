"""What other processes changed in the store, applied to this one's memory in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sureshot.delivery.persist import persist
from sureshot.ports import Change, ChangeKind
from sureshot.telemetry.logging import get_logger

Apply = Callable[[Change], Awaitable[None]]

MOST_WAITING = 1000
"""With more changes waiting than this, everything is read anew instead."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Between tries of what cannot be applied now, a document under an unknown key for one."""

log = get_logger()


class ChangeFeed:
    """Applies changes one after the other, each as often as the store needs to answer.

    One that fails does not hold up the others: everything of its kind is read
    anew a while later.
    """

    def __init__(self) -> None:
        self._appliers: dict[ChangeKind, Apply] = {}
        self._waiting: asyncio.Queue[Change] = asyncio.Queue()
        self._failed: dict[ChangeKind, float] = {}
        self._again: set[ChangeKind] = set()

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
            kinds = [change.kind]
            if change.kind is ChangeKind.EVERYTHING:
                kinds = [ChangeKind(change.subject)] if change.subject else list(self._appliers)
            for kind in kinds:
                await self._apply(kind, change)

    async def _apply(self, kind: ChangeKind, change: Change) -> None:
        apply = self._appliers.get(kind)
        if apply is None:
            return
        try:
            await persist(lambda: apply(change), f"change of {kind}")
        except Exception:
            # A process that went deaf would go on with revoked tokens and through a pause.
            if kind not in self._again:
                log.exception("change.failed", kind=kind, subject=change.subject)
                self._try_again(kind)
        else:
            if change.kind is ChangeKind.EVERYTHING:
                self._failed.pop(kind, None)

    def _try_again(self, kind: ChangeKind) -> None:
        """Have everything of *kind* read anew after a pause that grows while that fails."""
        pause_s = self._failed.get(kind, FIRST_PAUSE_S)
        self._failed[kind] = min(2 * pause_s, LONGEST_PAUSE_S)
        self._again.add(kind)
        asyncio.get_running_loop().call_later(pause_s, self._read_anew, kind)

    def _read_anew(self, kind: ChangeKind) -> None:
        self._again.discard(kind)
        self.tell(Change(ChangeKind.EVERYTHING, kind))
