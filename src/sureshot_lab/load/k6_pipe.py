"""Where k6 writes its points: a pipe, read while it runs, and a compressed copy of what matters."""

from __future__ import annotations

import gzip
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from sureshot_lab.errors import LabError
from sureshot_lab.load.k6_points import WANTED, Points
from sureshot_lab.result import Interval

LATE_S = 0.5
"""How long after a second k6 may take to write down what was in it."""

LOOK_S = 0.2


class PointsPipe:
    """Fills *points* from ``path`` within the block, and tells *show* each second that is over.

    *show* is called in a thread. k6 must be given ``descriptor`` and be gone when
    the block ends. The copy is *kept*, a gzip file. Leaving the block raises
    ``LabError`` when points were lost, for example for want of space.
    """

    def __init__(self, points: Points, kept: Path, show: Callable[[Interval], None]) -> None:
        self._points = points
        self._kept = kept
        self._show = show
        self._source, self.descriptor = os.pipe()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._read, name="k6 points")

    @property
    def path(self) -> str:
        """What k6 is told to write to."""
        return f"/dev/fd/{self.descriptor}"

    def __enter__(self) -> PointsPipe:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # k6 being gone, this was the last end to write to: the reader comes to its end.
        os.close(self.descriptor)
        self._thread.join()
        if self._error is not None and error is None:
            raise LabError(f"k6's points were lost: {self._error}") from self._error

    def _read(self) -> None:
        with os.fdopen(self._source, "rb") as lines:
            try:
                self._take(lines)
            except (OSError, ValueError, LookupError) as error:
                self._error = error
                # Else k6 would wait for ever for someone to read.
                for _line in lines:
                    pass

    def _take(self, lines: BinaryIO) -> None:
        look_s = 0.0
        # Level 1: the load must not wait for us, and rows of figures are packed well by any.
        with gzip.open(self._kept, "wb", 1) as kept:
            for line in lines:
                if line.startswith(WANTED) and line.endswith(b"\n"):
                    if not line.startswith(b"accepted_ids,"):
                        kept.write(line)
                    self._points.add(line)
                now_s = time.time()
                if now_s > look_s:
                    look_s = now_s + LOOK_S
                    for interval in self._points.over(now_s - LATE_S):
                        self._show(interval)
