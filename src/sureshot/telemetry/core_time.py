"""How much of a core this process has used, and how long it wanted one that it was not given."""

from __future__ import annotations

import time
from pathlib import Path

SCHEDULED = Path("/proc/self/schedstat")
"""Of the main thread, which serves: nanoseconds on a core, nanoseconds in wait of one, turns."""


def cpu_s() -> float:
    """Return the CPU time of all threads since the start."""
    return time.process_time()


def starved_s() -> float:
    """Return for how long the main thread was ready and had no core; 0 where no one counts it.

    Other processes had them, or the container had used up its quota.
    """
    try:
        return int(SCHEDULED.read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
