"""Where the memory goes: memray notes every allocation of the service during the load."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sureshot_lab.errors import LabError, ToolMissing
from sureshot_lab.profiling.allocation_findings import (
    allocation_findings,
    allocation_metrics,
    allocation_tables,
)
from sureshot_lab.profiling.allocations import read_allocations
from sureshot_lab.profiling.instrument import Told
from sureshot_lab.result import RunResult
from sureshot_lab.runs.options import Options
from sureshot_lab.scenario import Scenario

TRACED = "sureshot_lab.profiling.traced_service"
CAPTURE = "allocations.bin"
GRAPH = "memory-flame-graph.html"
STATS = "allocations.json"
EVERY_PLACE = 1_000_000
READ_WITHIN_S = 300.0
HOW_TO = "install it with `pip install memray` (it is on PyPI) into this environment"


class MemoryProfile:
    """Has the service started under memray, and reads what it wrote once the service has ended."""

    def __init__(self) -> None:
        """Raise ``ToolMissing`` when there is no memray in this environment."""
        if importlib.util.find_spec("memray") is None:
            raise ToolMissing(
                f"memray is not installed, and a profile of the memory is made by it: {HOW_TO}"
            )
        self._pids: list[int] = []

    def prepare(
        self, scenario: Scenario, options: Options, folder: Path
    ) -> tuple[Scenario, Options]:
        """Have the service started so that it can be traced; there may be but one process."""
        if scenario.service.profile != "embedded":
            raise LabError(
                f"memray looks into one process, and service.profile={scenario.service.profile} "
                "has several: leave it at embedded with --memory"
            )
        capture = folder.absolute() / CAPTURE
        capture.parent.mkdir(parents=True, exist_ok=True)
        return scenario, replace(options, under=("-m", TRACED, str(capture)))

    async def watch(
        self, pids: Sequence[int], _seconds: float, _folder: Path, _stop: asyncio.Event
    ) -> None:
        """Have *pids* traced from now on."""
        self._pids = list(pids)
        self._toggle()

    def drained(self) -> None:
        """End the tracing: what comes now is of no webhook."""
        self._toggle()

    def _toggle(self) -> None:
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR2)

    async def told(self, result: RunResult, folder: Path) -> Told:
        """Return the levels, the allocators by stage and by place, and the flame graph."""
        capture = folder / CAPTURE
        await _memray("stats", capture, folder / STATS, "--json", "-n", str(EVERY_PLACE))
        # Else the page loads its scripts from elsewhere, and says nothing without a network.
        await _memray("flamegraph", capture, folder / GRAPH, "--no-web")
        found = await asyncio.to_thread(read_allocations, capture, folder / STATS)
        (folder / STATS).unlink()
        delivered = round(result.metrics.get("delivered", 0.0))
        return Told(
            tables=allocation_tables(found, delivered),
            findings=allocation_findings(found, delivered),
            files={"flame-graph": folder / GRAPH, "allocations": capture},
            metrics=allocation_metrics(found, delivered),
        )


async def _memray(report: str, capture: Path, into: Path, *words: str) -> None:
    """Have memray write a *report* of *capture* to *into*."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "memray", report, *words, "--force", "--output", str(into),
        str(capture),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            _out, said = await process.communicate()
    except TimeoutError:
        raise LabError(f"memray did not read {capture} within {READ_WITHIN_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise LabError(f"memray could not read {capture}: {' '.join(last) or 'it said nothing'}")
