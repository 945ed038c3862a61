"""How late the event loop is: a timer that tells how long after its time it rang."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

EVERY_S = 0.25


class LoopLag:
    """Tells *observe*, four times a second, how long a callback that is due waits for its turn.

    Seconds; about a millisecond of it is the timer's own. What held the loop
    between two looks and not at one is not seen: an even sample, not a maximum.
    """

    def __init__(self, observe: Callable[[float], None]) -> None:
        self._observe = observe
        self._due_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look from now on; called on the loop that is measured."""
        # Not the loop's own clock: uvloop's stands still while a callback runs.
        self._due_s = time.monotonic() + EVERY_S
        self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._ring)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        self._observe(max(0.0, time.monotonic() - self._due_s))
        self.start()
