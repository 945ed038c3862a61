"""A scenario run with a service of its own, and where that service spent its time."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.load.engines import choose_engine
from sureshot_lab.profiling.findings import profile_findings, profile_tables, statement_table
from sureshot_lab.profiling.flame_graph import flame_graph
from sureshot_lab.profiling.spy import Recording, find_spy, record
from sureshot_lab.profiling.stacks import read_profile
from sureshot_lab.report.files import write_whole
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
) -> tuple[RunResult, Path]:
    """Run *scenario* under py-spy; return the result and its folder, with ``profile/`` in it.

    The stacks are of the load alone, without warm-up and drain. The result is that
    of a plain run, with tables, findings and files of the profile added.

    Raises:
        ToolMissing: there is no py-spy.
        LabError: the scenario is no single load, or the service runs elsewhere; py-spy
            may not look into the service; and whatever keeps a run from beginning.

    """
    spy = find_spy()
    if scenario.kind is not Kind.LOAD:
        raise LabError(f"{scenario.name} is no single load: profile one such as load or spike")
    if options.target is not None:
        raise LabError("a profile is of a service of the laboratory's own: leave --target out")
    engine = choose_engine(scenario.engine, scenario.load.peak_per_s, scenario.kind)
    stop = stop or asyncio.Event()
    run_id = new_run_id(scenario, secrets.token_hex(2))
    folder = options.runs / run_id
    folder.mkdir(parents=True)
    started_at = datetime.now(UTC)
    begun = asyncio.Event()

    def watch(progress: Progress) -> None:
        if progress.phase == "load":
            begun.set()
        tell(progress)

    progress = Progress(scenario.name, scenario.load.duration_s, watch)
    async with open_site(scenario, options, folder, progress.sampled) as site:
        done, recordings = await _watched_load(
            site, scenario, engine, run_id, folder, progress, stop, begun, spy
        )
        statements = await _statements(site)
        restarts = site.service.restarts if site.service else 0
        conditions = conditions_of(
            scenario, options, site, engine, started_at, {done.offered.engine: done.offered.version}
        )
    result = result_of(run_id, scenario, conditions, done, restarts, stopped=stop.is_set())
    shutil.rmtree(folder / "service" / "data", ignore_errors=True)
    return write(folder, _with_profile(result, folder, recordings, statements)), folder


async def _watched_load(
    site: Site, scenario: Scenario, engine: str, run_id: str, folder: Path, progress: Progress,
    stop: asyncio.Event, begun: asyncio.Event, spy: str,
) -> tuple[LoadRun, list[Recording]]:  # fmt: skip
    """Run the load, and record the service from its first second to its last."""
    service = site.service
    if service is None:
        raise LabError("a profile is of a service of the laboratory's own")

    async def watch() -> list[Recording]:
        await begun.wait()
        return await record(
            spy, service.pids(), scenario.load.duration_s, folder / FOLDER, stop
        )  # fmt: skip

    watching = asyncio.create_task(watch())
    try:
        done = await run_load(site, scenario, engine, run_id, folder, progress, stop)
        return done, await watching
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _statements(site: Site) -> Table | None:
    """Return what PostgreSQL spent its time on; None for a service without one."""
    if site.database is None:
        return None
    try:
        return statement_table(await site.database.top_statements())
    except StatementsUnavailable as error:
        return statement_table([], str(error))


def _with_profile(
    result: RunResult, folder: Path, recordings: list[Recording], statements: Table | None
) -> RunResult:
    """Return *result* with what the stacks say, and the flame graph beside it."""
    profile = read_profile(recordings)
    seen = f"{profile.total_s:.3g} s in {profile.samples.total():,} samples"
    title = f"{result.title}: CPU of the service, {seen}"
    graph = write_whole(
        folder / FOLDER / "flame-graph.svg", flame_graph(profile, title).encode()
    )  # fmt: skip
    files = {"flame-graph": graph, **{one.path.stem: one.path for one in recordings}}
    tables = profile_tables(profile, result) + ([statements] if statements else [])
    return msgspec.structs.replace(
        result,
        tables=[*result.tables, *tables],
        findings=[*result.findings, *profile_findings(profile, result)],
        files={**result.files, **{name: f"{FOLDER}/{path.name}" for name, path in files.items()}},
    )
