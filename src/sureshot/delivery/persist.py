"""A write that must happen, tried until the store takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sureshot.domain.errors import Overloaded
from sureshot.telemetry.logging import get_logger

T = TypeVar("T")

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 0.4
"""Short: an outcome not yet written is sent again if its process dies now."""

log = get_logger()


async def persist(write: Callable[[], Awaitable[T]], what: str) -> T:
    """Return what *write* returns, calling it again while the store is unavailable.

    Waits 0.1 s to 0.4 s between calls; *what* names the work in the log.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return await write()
        except Overloaded as error:
            log.warning("store.waiting", work=what, reason=error.detail)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
