"""A backlog is built while sending is paused, and so many workers empty it."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sureshot_lab.errors import LabError, TargetUnreachable
from sureshot_lab.result import Phase, RunResult
from sureshot_lab.runs.load_run import BEFORE_S, LoadRun, look_back, make_offer, offer
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.outcome import conditions_of, new_run_id, result_of
from sureshot_lab.runs.progress import Progress, silent
from sureshot_lab.runs.run import write
from sureshot_lab.runs.site import Site, open_site
from sureshot_lab.sampler.summary import summarise
from sureshot_lab.scale.emptying import arrivals_s, drained, slots_used_share
from sureshot_lab.scale.offered import NONE_WAITS, RECEIVER_S
from sureshot_lab.scale.processes import takes, takes_table
from sureshot_lab.scenario import Scenario, load_scenario
from sureshot_lab.sink.ledger_file import read_ledger

QUEUES = {"rabbitmq": "cluster", "memory": "postgres"}
"""What carries webhooks to the workers, and the profile that has it."""
SLOTS = 20
"""Webhooks a worker delivers at once: 200/s with receivers of 100 ms."""
FILL_PER_S = 500.0
PATIENCE = 4.0
"""So many times as long as the slots alone would take is waited until all is empty."""
LEAST_S = 30.0
EMPTYING = "emptying"


class QueueDrain:
    """Each step has a fresh deployment; its backlog is the same."""

    def __init__(
        self, backlog: int, options: Options, tell: Callable[[Progress], None] = silent
    ) -> None:
        self.backlog = backlog
        self._options = options
        self._tell = tell

    async def step(self, workers: int, queue: str = "rabbitmq") -> RunResult:
        """Return the result of emptying the backlog with so many; table ``takes`` as in a scale.

        Its metrics tell ``drained_per_s`` (at the receivers, of the middle of the
        arrivals), ``emptied_after_s`` and ``resumed_at_s``, ``backlog_built`` and
        ``backlog_left``, ``queue_left``, and those of the emptying alone in place of the
        whole run's.

        Raises:
            LabError: the deployment does not start, or does not pause.

        """
        scenario = self._scenario(workers, queue)
        run_id = new_run_id(scenario, secrets.token_hex(2))
        folder = self._options.runs / run_id
        folder.mkdir(parents=True)
        started_at = datetime.now(UTC)
        progress = Progress(scenario.title, self.backlog / FILL_PER_S, self._tell)
        async with open_site(scenario, self._options, folder, progress.sampled) as site:
            emptied = await _fill_and_empty(site, scenario, run_id, folder, progress)
            taken = await takes(site.service.metrics_urls if site.service else [])
            tools = {emptied.run.offered.engine: emptied.run.offered.version}
            conditions = conditions_of(scenario, self._options, site, "native", started_at, tools)
            restarts = site.service.restarts if site.service else 0
        result = result_of(run_id, scenario, conditions, emptied.run, restarts)
        shutil.rmtree(folder / "service" / "data", ignore_errors=True)
        of_workers = sorted(taken, reverse=True)[:workers]
        metrics = {**result.metrics, **emptied.metrics(workers), "workers": float(workers)}
        tables = [takes_table(of_workers)]
        return write(folder, msgspec.structs.replace(result, tables=tables, metrics=metrics))

    def _scenario(self, workers: int, queue: str) -> Scenario:
        if queue not in QUEUES:
            raise LabError(f"queue {queue}: must be {' or '.join(QUEUES)}")
        expected_s = self.backlog * RECEIVER_S / (workers * SLOTS)
        return load_scenario("smoke", changes={
            "title": f"Drain: {workers} workers, {self.backlog:,} webhooks, queue {queue}",
            "load.stages": [[self.backlog / FILL_PER_S, FILL_PER_S, FILL_PER_S]],
            "load.warm_up_s": 0.0,
            "endpoints.count": 20,
            "endpoints.zipf": 0.0,
            "service.profile": QUEUES[queue],
            "service.workers": workers,
            "service.settings.max_in_flight": SLOTS,
            "sink.behaviour": [{"share": 1.0, "delay_s": RECEIVER_S}],
            "gates.targets": ["lost"],
            "gates.own": [NONE_WAITS],
            "drain_s": LEAST_S + PATIENCE * expected_s,
        })  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Emptied:
    """What emptying left behind. ``resumed_at_s``: seconds since the begin of the filling."""

    run: LoadRun
    built: float
    left: dict[str, float]
    resumed_at_s: float

    def metrics(self, workers: int) -> dict[str, float]:
        """Return the entries of a result's ``metrics`` that are of the emptying alone."""
        origin_s = self.run.offered.started_at_s
        arrived = [at - origin_s for at in arrivals_s(read_ledger(self.run.received.ledger))]
        found = drained(arrived, self.resumed_at_s)
        end_s = self.resumed_at_s + found.get("emptied_after_s", 0.0)
        phase = Phase(name=EMPTYING, start_s=self.resumed_at_s, end_s=end_s)
        meanwhile = [one for one in self.run.samples if self.resumed_at_s < one.at_s < end_s]
        return {
            **summarise(self.run.samples, [phase], delivered=len(arrived)),
            **found,
            **slots_used_share(meanwhile, workers * SLOTS),
            "resumed_at_s": self.resumed_at_s,
            "backlog_built": self.built,
            "backlog_left": self.left.get("backlog", 0.0),
            "queue_left": self.left.get("depth", 0.0),
            "delivered_per_s": found.get("drained_per_s", 0.0),
            "throughput_per_min": 60 * found.get("drained_per_s", 0.0),
        }


async def _fill_and_empty(
    site: Site, scenario: Scenario, run_id: str, folder: Path, progress: Progress
) -> Emptied:
    await site.sink.reset()
    await asyncio.sleep(BEFORE_S)
    before = dict(site.metrics.counted())
    await _sending(site, "pause")
    progress.enter("fill")
    what = make_offer(site, scenario, run_id, scenario.load.stages)
    offered = await offer("native", what, folder / "load", progress, asyncio.Event())
    built = (await site.client.depth()).get("backlog", 0.0)
    if built < offered.accepted:
        raise LabError(
            f"{offered.accepted - built:.0f} of {offered.accepted} webhooks were sent although "
            "sending was paused: there is no backlog to empty"
        )
    resumed_s = time.time()
    await _sending(site, "resume")
    progress.enter("empty", "waiting until everything has arrived")
    is_empty = await site.empty(scenario.drain_s)
    left = await site.client.depth()
    await asyncio.sleep(BEFORE_S)
    resumed_at_s = resumed_s - offered.started_at_s
    phases = [
        Phase(name="fill", start_s=0.0, end_s=resumed_at_s),
        Phase(name=EMPTYING, start_s=resumed_at_s, end_s=time.time() - offered.started_at_s),
    ]
    run = await look_back(site, scenario, offered, phases, before, drained=is_empty)
    return Emptied(run=run, built=built, left=left, resumed_at_s=resumed_at_s)


async def _sending(site: Site, act: str) -> None:
    """Pause or resume. Raises ``TargetUnreachable`` when it is refused."""
    status, answer = await site.client.call("POST", f"/api/v1/admin/{act}", admin=True)
    if status != 200:
        raise TargetUnreachable(f"{site.client.url} answered {status} to {act}: {answer}")
