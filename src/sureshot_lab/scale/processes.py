"""A step on this machine: a service of its own with so many workers, and what each took."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from sureshot_lab.analysis.under_load import samples_of, seconds_under_load
from sureshot_lab.load.engines import choose_engine
from sureshot_lab.result import RunResult, Table
from sureshot_lab.runs.load_run import run_load
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.outcome import conditions_of, new_run_id, result_of
from sureshot_lab.runs.progress import Progress, silent
from sureshot_lab.runs.run import write
from sureshot_lab.runs.site import open_site
from sureshot_lab.sampler.exposition import read_exposition
from sureshot_lab.sampler.http_get import HttpGet
from sureshot_lab.sampler.source import SourceUnreadable
from sureshot_lab.scale.emptying import slots_used_share
from sureshot_lab.scale.offered import SLOTS, own_scenario

ATTEMPTS = "sureshot_attempts_total"
TAKES = "takes"


class ProcessScale:
    """Replicas are worker processes of ``sureshot up``; each step has a fresh deployment."""

    name = "processes"

    def __init__(
        self, rate_per_s: float, seconds: float, options: Options, profile: str,
        tell: Callable[[Progress], None] = silent,
    ) -> None:  # fmt: skip
        self.rate_per_s = rate_per_s
        self._seconds = seconds
        self._options = options
        self._profile = profile
        self._tell = tell

    async def step(self, replicas: int) -> RunResult:
        """Run the load on so many; the result has the table ``takes``, one row a worker.

        Raises:
            LabError: the deployment does not start, or something it needs is missing.

        """
        scenario = own_scenario(replicas, self.rate_per_s, self._seconds, self._profile)
        engine = choose_engine(self._options.engine, self.rate_per_s, scenario.kind)
        run_id = new_run_id(scenario, secrets.token_hex(2))
        folder = self._options.runs / run_id
        folder.mkdir(parents=True)
        started_at, stop = datetime.now(UTC), asyncio.Event()
        progress = Progress(f"scale {replicas}x", self._seconds, self._tell)
        async with open_site(scenario, self._options, folder, progress.sampled) as site:
            done = await run_load(site, scenario, engine, run_id, folder, progress, stop)
            taken = await takes(site.service.metrics_urls if site.service else [])
            tools = {done.offered.engine: done.offered.version}
            conditions = conditions_of(scenario, self._options, site, engine, started_at, tools)
            restarts = site.service.restarts if site.service else 0
        result = result_of(run_id, scenario, conditions, done, restarts)
        shutil.rmtree(folder / "service" / "data", ignore_errors=True)
        # The API and the scheduler deliver nothing; a worker that took nothing still counts.
        of_workers = sorted(taken, reverse=True)[:replicas]
        metrics = {**result.metrics, **slots_used(result, replicas * SLOTS)}
        return write(
            folder,
            msgspec.structs.replace(result, tables=[takes_table(of_workers)], metrics=metrics),
        )


def slots_used(result: RunResult, slots: int) -> dict[str, float]:
    """Return ``slots_used_share``: the mean in flight under load by the *slots* there are."""
    seconds = seconds_under_load(result)
    return slots_used_share(samples_of(result, seconds), slots)


async def takes(urls: list[str]) -> list[float]:
    """Return how many attempts each process at *urls* has made; one that is gone is left out."""
    return list((await attempts_at(urls)).values())


async def attempts_at(urls: list[str]) -> dict[str, float]:
    """Return the attempts since its start of each process by its URL, without those gone."""
    found = {}
    for url in urls:
        asked = HttpGet(url)
        with contextlib.suppress(SourceUnreadable):
            text = (await asked.fetch("/metrics")).decode()
            found[url] = sum(read_exposition(text, (ATTEMPTS,)).values())
        await asked.close()
    return found


def takes_table(taken: list[float]) -> Table:
    """Return the attempts of each worker as a table of a run."""
    total = sum(taken) or 1.0
    return Table(
        name=TAKES,
        title="Attempts by worker",
        columns=["worker", "attempts", "share_percent"],
        rows=[
            [number, round(count), round(100 * count / total, 1)]
            for number, count in enumerate(taken, 1)
        ],
    )
