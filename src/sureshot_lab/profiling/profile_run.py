"""A scenario run with a service of its own, and where that service spent its time or memory."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sureshot_lab.analysis.rules.resources import what_was_full_first
from sureshot_lab.errors import LabError
from sureshot_lab.load.engines import choose_engine
from sureshot_lab.profiling.cpu_profile import CpuProfile
from sureshot_lab.profiling.findings import statement_table
from sureshot_lab.profiling.instrument import Instrument, Told
from sureshot_lab.profiling.memory_profile import MemoryProfile
from sureshot_lab.result import RunResult, Table
from sureshot_lab.runs.load_run import LoadRun, run_load
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.outcome import conditions_of, new_run_id, result_of
from sureshot_lab.runs.progress import Progress, silent
from sureshot_lab.runs.run import write
from sureshot_lab.runs.site import Site, open_site
from sureshot_lab.sampler.statements import StatementsUnavailable
from sureshot_lab.scenario import Kind, Scenario

FOLDER = "profile"


async def profile_scenario(
    scenario: Scenario,
    options: Options,
    tell: Callable[[Progress], None] = silent,
    stop: asyncio.Event | None = None,
    *,
    memory: bool = False,
) -> tuple[RunResult, Path]:
    """Run *scenario* under py-spy; return the result and its folder, with ``profile/`` in it.

    With *memory* the service runs under memray instead. What is told is of the load
    alone, without warm-up. The result is that of a plain run, with tables, findings
    and files of the profile added.

    Raises:
        ToolMissing: there is no py-spy, or no memray.
        LabError: the scenario is no single load, or the service runs elsewhere or, with
            *memory*, in several processes; py-spy may not look into the service; and
            whatever keeps a run from beginning.

    """
    instrument: Instrument = MemoryProfile() if memory else CpuProfile()
    if scenario.kind is not Kind.LOAD:
        raise LabError(f"{scenario.name} is no single load: profile one such as load or spike")
    if options.target is not None:
        raise LabError("a profile is of a service of the laboratory's own: leave --target out")
    engine = choose_engine(
        scenario.engine, scenario.load.peak_per_s, scenario.kind, scenario.endpoints.tenants
    )
    stop = stop or asyncio.Event()
    run_id = new_run_id(scenario, secrets.token_hex(2))
    folder = options.runs / run_id
    scenario, options = instrument.prepare(scenario, options, folder / FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    started_at = datetime.now(UTC)
    begun = asyncio.Event()

    def watch(progress: Progress) -> None:
        if progress.phase == "load":
            begun.set()
        tell(progress)

    progress = Progress(scenario.name, scenario.load.duration_s, watch)
    async with open_site(scenario, options, folder, progress.sampled) as site:
        done = await _watched_load(
            site, scenario, engine, run_id, folder, progress, stop, begun, instrument
        )
        instrument.drained()
        statements = await _statements(site)
        restarts = site.service.restarts if site.service else 0
        conditions = conditions_of(
            scenario, options, site, engine, started_at, {done.offered.engine: done.offered.version}
        )
    result = result_of(run_id, scenario, conditions, done, restarts, stopped=stop.is_set())
    shutil.rmtree(folder / "service" / "data", ignore_errors=True)
    told = await instrument.told(result, folder / FOLDER)
    return write(folder, _with(result, told, statements)), folder


async def _watched_load(
    site: Site, scenario: Scenario, engine: str, run_id: str, folder: Path, progress: Progress,
    stop: asyncio.Event, begun: asyncio.Event, instrument: Instrument,
) -> LoadRun:  # fmt: skip
    """Run the load, and look at the service from its first second to its last."""
    service = site.service
    if service is None:
        raise LabError("a profile is of a service of the laboratory's own")

    async def watch() -> None:
        await begun.wait()
        await instrument.watch(service.pids(), scenario.load.duration_s, folder / FOLDER, stop)

    watching = asyncio.create_task(watch())
    try:
        done = await run_load(site, scenario, engine, run_id, folder, progress, stop)
        await watching
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return done


async def _statements(site: Site) -> Table | None:
    """Return what PostgreSQL spent its time on; None for a service without one."""
    if site.database is None:
        return None
    try:
        return statement_table(await site.database.top_statements())
    except StatementsUnavailable as error:
        return statement_table([], str(error))


def _with(result: RunResult, told: Told, statements: Table | None) -> RunResult:
    """Return *result* with what the profile says, and its files linked."""
    profiled = msgspec.structs.replace(
        result, tables=[*result.tables, *told.tables, *([statements] if statements else [])]
    )
    # The bottleneck is known already; now the functions it is in can be named.
    named = dict(zip(what_was_full_first(result), what_was_full_first(profiled), strict=True))
    return msgspec.structs.replace(
        profiled,
        metrics={**result.metrics, **told.metrics},
        findings=[*(named.get(one, one) for one in result.findings), *told.findings],
        files={
            **result.files,
            **{name: f"{FOLDER}/{path.name}" for name, path in told.files.items()},
        },
    )
