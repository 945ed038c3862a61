"""Which callback held the event loop: a thread looks what the loop is at, and for how long.

The loop's debug mode does not tell: uvloop times handles and timers in it, not the
callbacks of protocols, where most of the work is.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType

import msgspec

from sureshot.telemetry.logging import get_logger

SHORTEST_LOOK_S = 0.001
LONGEST_LOOK_S = 0.005
LOOKS_A_CALLBACK = 4

log = get_logger()


class Held(msgspec.Struct, frozen=True):
    """A callback that held the loop for ``held_s``, of which its thread was on a CPU ``cpu_s``.

    Times are right to a look or so. ``at`` is the function, file and line that was seen most.
    """

    callback: str
    where: str
    at: str
    held_s: float
    cpu_s: float


class SlowCallbacks:
    """Tells *tell*, in a thread of its own, every callback that held the loop *slow_s* or longer.

    One and the same frame, seen at every look while no timer of the loop rang, is one
    callback: many short ones in a row are not taken for a long one.
    """

    def __init__(self, slow_s: float, tell: Callable[[Held], None] | None = None) -> None:
        self._slow_s = slow_s
        self._every_s = min(LONGEST_LOOK_S, max(SHORTEST_LOOK_S, slow_s / LOOKS_A_CALLBACK))
        self._tell = tell or _log
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._turn = 0
        self._turned_s = 0.0

    def start(self) -> None:
        """Watch the running loop from now on."""
        self._loop = asyncio.get_running_loop()
        self._ring()
        self._thread = threading.Thread(
            target=self._watch, args=(threading.get_ident(),), name="slow-callbacks", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Watch no more; returns when the thread has ended."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()

    def _ring(self) -> None:
        """Note that the loop turns: what is seen from now on began after this."""
        self._turn += 1
        self._turned_s = time.monotonic()
        self._timer = self._loop.call_later(self._every_s, self._ring)

    def _watch(self, thread: int) -> None:
        cpu = _cpu_of(thread)
        looked_s, used_s = time.monotonic(), cpu()
        seen: _Seen | None = None
        while not self._stopped.wait(self._every_s):
            # Another thread's stack: nothing public tells it.
            leaf = sys._current_frames()[thread]  # noqa: SLF001
            root, now_s, cpu_s = callback_of(leaf), time.monotonic(), cpu()
            if seen is not None and (root is not seen.root or self._turn != seen.turn):
                self._ended(seen)
                seen = None
            if root is not None:
                # It began after the last look, which saw another, and after the loop's last turn.
                began_s = max(looked_s, self._turned_s)
                seen = seen or _Seen(root, self._turn, began_s, used_s)
                seen.look(leaf, now_s, cpu_s)
            looked_s, used_s = now_s, cpu_s

    def _ended(self, seen: _Seen) -> None:
        held = seen.held()
        if held.held_s >= self._slow_s:
            self._tell(held)


class _Seen:
    """A callback as long as it is seen. It holds the frame: another may not take its place."""

    def __init__(self, root: FrameType, turn: int, began_s: float, used_s: float) -> None:
        self.root = root
        self.turn = turn
        self._began_s = began_s
        self._used_s = used_s
        self._until_s = began_s
        self._cpu_s = 0.0
        self._leaves: Counter[tuple[CodeType, int]] = Counter()

    def look(self, leaf: FrameType, now_s: float, cpu_s: float) -> None:
        # Between two lines it has none.
        line = leaf.f_lineno or leaf.f_code.co_firstlineno
        self._leaves[leaf.f_code, line] += 1
        self._until_s = now_s
        self._cpu_s = cpu_s - self._used_s

    def held(self) -> Held:
        code = self.root.f_code
        leaf, line = self._leaves.most_common(1)[0][0]
        return Held(
            callback=code.co_qualname,
            where=f"{code.co_filename}:{code.co_firstlineno}",
            at=f"{leaf.co_qualname} {leaf.co_filename}:{line}",
            held_s=self._until_s - self._began_s,
            cpu_s=self._cpu_s,
        )


def callback_of(leaf: FrameType) -> FrameType | None:
    """Return the outermost frame on the stack of *leaf* that a loop runs; None when it waits."""
    stack: list[FrameType] = []
    frame: FrameType | None = leaf
    while frame is not None:
        stack.append(frame)
        frame = frame.f_back
    inside = False
    for one in reversed(stack):
        if _of_loop(one.f_code.co_filename):
            inside = True
        elif inside:
            return one
    return None


def _cpu_of(thread: int) -> Callable[[], float]:
    """Return what tells the CPU seconds of *thread*; of the process where the system does not."""
    if sys.platform == "linux":
        return functools.partial(time.clock_gettime, time.pthread_getcpuclockid(thread))
    return time.process_time


@functools.cache
def _of_loop(file: str) -> bool:
    return "/asyncio/" in file or "/uvloop/" in file


def _log(held: Held) -> None:
    log.warning(
        "loop.held",
        callback=held.callback,
        where=held.where,
        at=held.at,
        held_s=round(held.held_s, 4),
        cpu_s=round(held.cpu_s, 4),
    )
