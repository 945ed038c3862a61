"""One run from its scenario to its result, whatever happens in between."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sureshot_lab.errors import LabError, TokenRefused
from sureshot_lab.load.engines import choose_engine
from sureshot_lab.report.files import write_reports
from sureshot_lab.result import Conditions, RunResult, Sample, write_result
from sureshot_lab.runs.broken_off import Seen, broken_off
from sureshot_lab.runs.load_run import run_load
from sureshot_lab.runs.needs import refuse_impossible
from sureshot_lab.runs.options import Options, refuse_production
from sureshot_lab.runs.outcome import conditions_of, new_run_id, result_of
from sureshot_lab.runs.progress import Progress, silent
from sureshot_lab.runs.routes_run import result_of_routes, run_routes
from sureshot_lab.runs.search_outcome import result_of_search
from sureshot_lab.runs.search_run import run_search
from sureshot_lab.runs.site import Sent, Site, open_site
from sureshot_lab.scenario import Kind, Scenario


async def run_scenario(
    scenario: Scenario,
    options: Options,
    tell: Callable[[Progress], None] = silent,
    stop: asyncio.Event | None = None,
    *,
    sent: Sent | None = None,
) -> tuple[RunResult, Path]:
    """Run *scenario*; return the result and its folder, with the reports in it.

    *sent* takes the place of what the scenario would draw: a recording.

    When *stop* is set the run ends early and in order: its result is partial and
    INVALID. A failure in the middle leaves such a result too, with the reason and what
    was measured until then; a run that is cancelled leaves one before it raises.
    Raises ``LabError`` when the run cannot even begin.
    """
    refuse_production(options)
    refuse_impossible(scenario, options)
    scenario = _seeded(scenario, options.seed)
    engine = options.engine if options.engine != "auto" else scenario.engine
    engine = choose_engine(
        engine, scenario.load.peak_per_s, scenario.kind, scenario.endpoints.tenants
    )
    run_id = new_run_id(scenario, secrets.token_hex(2))
    folder = options.runs / run_id
    folder.mkdir(parents=True)
    total_s = scenario.load.duration_s
    seen = Seen()
    progress = Progress(scenario.name, total_s, seen.beside(tell))
    started_at = datetime.now(UTC)
    stop = stop or asyncio.Event()
    begun, cancelled = False, None

    def watch(sample: Sample) -> None:
        progress.sampled(sample)

    try:
        async with open_site(scenario, options, folder, watch, sent) as site:
            begun = True
            result = await _run(
                site, scenario, options, engine, run_id, folder, progress, stop, started_at
            )
    except (LabError, asyncio.CancelledError) as error:
        refused = isinstance(error, TokenRefused)
        if not begun and not refused:
            _forget_empty(folder)
            raise
        conditions = conditions_of(scenario, options, None, engine, started_at, {})
        result = broken_off(run_id, scenario, conditions, seen, error)
        cancelled = error if isinstance(error, asyncio.CancelledError) else None
    if sent is not None:
        result = _as_sent(result, sent)
    _throw_away(folder)
    result = write(folder, result)
    if cancelled is not None:
        raise cancelled
    return result, folder


def _seeded(scenario: Scenario, seed: int | None) -> Scenario:
    """Return *scenario* with *seed* in place of its own, if there is one."""
    if seed is None:
        return scenario
    payload = msgspec.structs.replace(scenario.payload, seed=seed)
    return msgspec.structs.replace(scenario, payload=payload)


def _as_sent(result: RunResult, sent: Sent) -> RunResult:
    """Return *result* with what was sent described, in place of the scenario's payloads."""
    told = {**result.conditions.options, "payload": sent.described}
    conditions = msgspec.structs.replace(result.conditions, options=told)
    return msgspec.structs.replace(result, conditions=conditions)


def _throw_away(folder: Path) -> None:
    """Remove what only the run itself needed: the service's data, and lists of ids."""
    shutil.rmtree(folder / "service" / "data", ignore_errors=True)
    for ids in folder.rglob("generator-*.ids"):
        ids.unlink()


def write(folder: Path, result: RunResult) -> RunResult:
    """Write the result and its reports into *folder*; return it with the files named."""
    files = {path.stem: path.name for path in write_reports(folder, result).values()}
    result = msgspec.structs.replace(result, files={**result.files, **files})
    write_result(folder, result)
    return result


async def _run(
    site: Site, scenario: Scenario, options: Options, engine: str, run_id: str, folder: Path,
    progress: Progress, stop: asyncio.Event, started_at: datetime,
) -> RunResult:  # fmt: skip
    """Do what the scenario's kind asks for at *site*."""

    def conditions(tools: dict[str, str]) -> Conditions:
        return conditions_of(scenario, options, site, engine, started_at, tools)

    restarts = site.service.restarts if site.service else 0
    if scenario.kind is Kind.ROUTES:
        routes = await run_routes(site, scenario, progress, stop)
        return result_of_routes(run_id, scenario, conditions({}), routes, stopped=stop.is_set())
    if scenario.kind is Kind.BREAKPOINT:
        found = await run_search(site, scenario, engine, run_id, folder, progress, stop)
        samples = await site.samples_since(found.started_at_s)
        return result_of_search(
            run_id, scenario, conditions({}), found, samples, site.sampler.problems,
            stopped=stop.is_set(),
        )  # fmt: skip
    done = await run_load(site, scenario, engine, run_id, folder, progress, stop)
    restarts = (site.service.restarts if site.service else 0) - restarts
    tools = {done.offered.engine: done.offered.version}
    return result_of(run_id, scenario, conditions(tools), done, restarts, stopped=stop.is_set())


def _forget_empty(folder: Path) -> None:
    """Remove the folder of a run that never began, unless something was written there."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()
