"""``python -m sureshot_lab.profiling.traced_service FILE -m sureshot ...``: traced on demand.

The first SIGUSR2 has memray note every allocation of the process, the second ends that:
what a start allocates would drown what a webhook does.
"""

from __future__ import annotations

import atexit
import contextlib
import runpy
import signal
import sys
from pathlib import Path

import memray


class Tracing:
    """memray's tracing of this process into *capture*, which is there once it is whole."""

    def __init__(self, capture: Path) -> None:
        self._capture = capture
        self._part = capture.with_suffix(".part")
        self._tracing = contextlib.ExitStack()
        self._on = False

    def toggle(self, *_signal: object) -> None:
        """Begin, or end."""
        if self._on:
            self.end()
            return
        self._part.unlink(missing_ok=True)
        # Python's own allocator too: without it a webhook's small objects are not seen.
        tracker = memray.Tracker(self._part, trace_python_allocators=True)
        self._tracing.enter_context(tracker)
        self._on = True

    def end(self) -> None:
        """End, if it was begun."""
        if self._on:
            self._on = False
            self._tracing.close()
            self._part.rename(self._capture)


def main(arguments: list[str]) -> None:
    """Run the module *arguments* name after the file, with its arguments, as Python would."""
    capture, _m, module, *rest = arguments
    tracing = Tracing(Path(capture))
    signal.signal(signal.SIGUSR2, tracing.toggle)
    atexit.register(tracing.end)
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
