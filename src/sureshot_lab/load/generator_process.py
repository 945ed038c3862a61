"""A generator process as its starter sees it: told things, heard, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.load.wire import LONGEST_LINE_BYTES, Done, Line, Ready, Start, Task

MODULE = "sureshot_lab.load.generator"
READY_WITHIN_S = 20.0
END_WITHIN_S = 5.0
"""How long a process that was told to stop may take; then it is killed."""


class GeneratorProcess:
    """Process *number*. ``done`` is its last word, None before it, and for ever if it died."""

    def __init__(self, number: int, process: Process, accepted: Path, log: Path) -> None:
        self.number = number
        self.accepted = accepted
        self.done: Done | None = None
        self._process = process
        self._log = log

    @classmethod
    async def spawn(cls, number: int, folder: Path) -> GeneratorProcess:
        """Start a process that waits for its task; its files are in *folder*."""
        log = folder / f"generator-{number}.log"
        with log.open("wb") as stderr:
            # A session of its own: Ctrl-C is for us, who then stop the process in order.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                MODULE,
                stdin=PIPE,
                stdout=PIPE,
                stderr=stderr,
                limit=LONGEST_LINE_BYTES,
                start_new_session=True,
            )
        return cls(number, process, folder / f"generator-{number}.ids", log)

    def tell(self, order: Task | Start) -> None:
        """Give it an order; one that is dead takes none."""
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")

    async def ready(self) -> None:
        """Wait until it has its task; raises ``LabError`` when it does not get there."""
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                line = await self._line()
        except TimeoutError:
            raise LabError(f"{self} was not ready within {READY_WITHIN_S:.0f} s") from None
        if not isinstance(line, Ready):
            raise LabError(await self.death())

    async def lines(self) -> AsyncIterator[Line]:
        """Yield what it tells until it ends."""
        while (line := await self._line()) is not None:
            if isinstance(line, Done):
                self.done = line
            yield line

    def end(self) -> None:
        """Tell it to stop: its input ends."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """End it without its consent."""
        # Not by Process.kill, which would take the exit code from under the event loop.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def gone(self) -> None:
        """Wait until it is gone; one that lingers is killed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_WITHIN_S):
                await self._process.wait()
        self.kill()
        await self._process.wait()

    async def death(self) -> str:
        """Return how it ended, not being done, and its last words."""
        await self.gone()
        words = self._log.read_text(errors="replace").strip().splitlines()
        last = f": {words[-1]}" if words else ""
        return f"{self} ended with {self._process.returncode} before the load was over{last}"

    def __str__(self) -> str:
        return f"generator {self.number} (process {self._process.pid})"

    async def _line(self) -> Line | None:
        if self._process.stdout is None:
            return None
        text = await self._process.stdout.readline()
        return msgspec.json.decode(text, type=Line) if text.endswith(b"\n") else None


@contextlib.asynccontextmanager
async def generator_processes(count: int, folder: Path) -> AsyncIterator[list[GeneratorProcess]]:
    """Run *count* processes; none is left when the block is, whatever ended it."""
    processes: list[GeneratorProcess] = []
    try:
        while len(processes) < count:
            processes.append(await GeneratorProcess.spawn(len(processes), folder))
        yield processes
    finally:
        for process in processes:
            if process.done is None:
                process.kill()
        for process in processes:
            await process.gone()
