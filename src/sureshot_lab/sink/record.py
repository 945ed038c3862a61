"""The running record: rows are counted and written four times a second, aside from the answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sureshot_lab.errors import LabError
from sureshot_lab.sink.ledger import Ledger
from sureshot_lab.sink.ledger_file import LedgerWriter
from sureshot_lab.sink.tally import Tally

LEDGER_FILE = "ledger.bin"
BEFORE_FILE = "ledger-before.bin"
"""The ledger before this one, after a ``turn``."""
HISTOGRAM_FILE = "end-to-end.hdr"
FLUSH_S = 0.25
"""So much at most is lost when the process is killed."""


class Record:
    """A ledger, what it comes to so far, and its file; begun anew by ``restart`` and ``turn``.

    Raises ``LabError`` when *folder* can't be written.
    """

    def __init__(self, folder: Path, lose_every: int = 0) -> None:
        self._folder = folder
        self._lose_every = lose_every
        self._timer: asyncio.TimerHandle | None = None
        self._begin()

    @property
    def problem(self) -> str:
        """Why the file is not whole; empty while it is."""
        return self._writer.problem

    def flush(self) -> None:
        """Count and write the rows so far."""
        rows = self.ledger.take()
        self.tally.add(rows)
        self._writer.write(rows)

    def keep_flushing(self) -> None:
        """Flush now, and every quarter of a second until ``end``."""
        self.flush()
        self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self.keep_flushing)

    async def restart(self) -> None:
        """Forget everything, the webhooks that came included, and begin a new file."""
        before = self._writer
        self._stop_flushing()
        # At once, and only then a wait: no row may get into a ledger that is gone.
        self._begin()
        self.keep_flushing()
        await asyncio.wrap_future(before.end())

    async def turn(self) -> None:
        """End the ledger, keep it as ``BEFORE_FILE``, and begin a new one; no row is left out.

        The new one knows no webhook of the old.
        """
        (self._folder / LEDGER_FILE).replace(self._folder / BEFORE_FILE)
        before = self._writer
        self._stop_flushing()
        self.flush()
        self._begin()
        self.keep_flushing()
        await asyncio.wrap_future(before.end())

    async def end(self) -> None:
        """Write what is left, the ledger's end, and the histogram; a second time does nothing."""
        if self._timer is None:
            return
        self._stop_flushing()
        self.flush()
        await asyncio.wrap_future(self._writer.end())
        encoded: bytes = self.tally.latencies_us.encode()
        (self._folder / HISTOGRAM_FILE).write_bytes(encoded)

    def _stop_flushing(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        path = self._folder / LEDGER_FILE
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Not truncated: the thread of the ledger before may still write to its own file.
            path.unlink(missing_ok=True)
            self._writer = LedgerWriter(path)
        except OSError as error:
            raise LabError(f"the sink can't write to {self._folder}: {error.strerror}") from None
        self.ledger = Ledger(self._lose_every)
        self.tally = Tally()
