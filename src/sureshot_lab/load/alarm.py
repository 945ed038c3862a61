"""A timer that rings within a fraction of a millisecond: event loops' own have whole ones."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable

CLOCK_MONOTONIC = 1
ABSOLUTE = 1
NONBLOCK_CLOSE_ON_EXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class Alarm:
    """Calls *ring* on the running loop at a moment of ``time.monotonic``."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._kernel = _KernelTimer() if sys.platform == "linux" else None
        if self._kernel is not None:
            self._loop.add_reader(self._kernel.descriptor, self._rung)

    def set(self, at_s: float) -> None:
        """Ring at *at_s*, at once if that is over; what was set before is forgotten."""
        if self._kernel is not None:
            self._kernel.set(at_s)
            return
        if self._timer is not None:
            self._timer.cancel()
        delay_s = max(0.0, at_s - time.monotonic())
        self._timer = self._loop.call_later(delay_s, self._ring)

    def close(self) -> None:
        """Never ring again."""
        if self._kernel is not None:
            self._loop.remove_reader(self._kernel.descriptor)
            self._kernel.close()
            self._kernel = None
        if self._timer is not None:
            self._timer.cancel()

    def _rung(self) -> None:
        if self._kernel is not None:
            self._kernel.acknowledge()
            self._ring()


class _KernelTimer:
    """A Linux timerfd: readable once its moment has come."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = self._libc.timerfd_create(CLOCK_MONOTONIC, NONBLOCK_CLOSE_ON_EXEC)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        # struct itimerspec: interval and first moment, each in seconds and nanoseconds.
        self._moment = (ctypes.c_long * 4)()

    def set(self, at_s: float) -> None:
        # All zero would switch it off; a moment that is over rings at once.
        whole_s = int(at_s)
        self._moment[2] = whole_s
        self._moment[3] = int((at_s - whole_s) * 1e9) or 1
        self._libc.timerfd_settime(self.descriptor, ABSOLUTE, self._moment, None)

    def acknowledge(self) -> None:
        # Set anew since it rang: then there is nothing to read.
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, 8)

    def close(self) -> None:
        os.close(self.descriptor)
