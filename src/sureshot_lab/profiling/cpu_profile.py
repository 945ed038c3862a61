"""Where the CPU goes, by py-spy from outside; which callbacks held the loop, by the service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sureshot_lab.profiling.findings import profile_findings, profile_tables
from sureshot_lab.profiling.flame_graph import flame_graph
from sureshot_lab.profiling.instrument import Told
from sureshot_lab.profiling.slow_callbacks import (
    SETTING,
    SLOW_S,
    read_held,
    slow_findings,
    slow_table,
)
from sureshot_lab.profiling.spy import Recording, find_spy, record
from sureshot_lab.profiling.stacks import read_profile
from sureshot_lab.report.files import write_whole
from sureshot_lab.result import RunResult
from sureshot_lab.runs.options import Options
from sureshot_lab.scenario import Scenario


class CpuProfile:
    """Samples stacks during the load, and has the service log what holds its event loop."""

    def __init__(self) -> None:
        """Raise ``ToolMissing`` when there is no py-spy."""
        self._spy = find_spy()
        self._recordings: list[Recording] = []
        self._began_s = 0.0
        self._slow_s = SLOW_S

    def prepare(
        self, scenario: Scenario, options: Options, _folder: Path
    ) -> tuple[Scenario, Options]:
        """Have the service look for slow callbacks, unless the scenario says from when on."""
        settings = {SETTING: SLOW_S, **scenario.service.settings}
        self._slow_s = float(settings[SETTING])
        service = msgspec.structs.replace(scenario.service, settings=settings)
        return msgspec.structs.replace(scenario, service=service), options

    async def watch(
        self, pids: Sequence[int], seconds: float, folder: Path, stop: asyncio.Event
    ) -> None:
        """Record the stacks of *pids* into *folder*."""
        self._began_s = time.time()
        self._recordings = await record(self._spy, pids, seconds, folder, stop)

    def drained(self) -> None:
        """Nothing: the stacks are of the load, the slow callbacks of all that came after."""

    async def told(self, result: RunResult, folder: Path) -> Told:
        """Return stages, functions and slow callbacks, and the flame graph."""
        profile = read_profile(self._recordings)
        held = read_held(folder.parent / "service" / "service.log", self._began_s)
        seen = f"{profile.total_s:.3g} s in {profile.samples.total():,} samples"
        title = f"{result.title}: CPU of the service, {seen}"
        graph = write_whole(folder / "flame-graph.svg", flame_graph(profile, title).encode())
        return Told(
            tables=[*profile_tables(profile, result), slow_table(held, self._slow_s)],
            findings=[*profile_findings(profile, result), *slow_findings(held, result)],
            files={"flame-graph": graph, **{one.path.stem: one.path for one in self._recordings}},
        )
