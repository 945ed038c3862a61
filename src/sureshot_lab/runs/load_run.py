"""One load from warm-up to the last arrival: offered, hurt, drained, counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sureshot_lab.errors import LabError
from sureshot_lab.load.engines import offer_by
from sureshot_lab.load.offer import Offer, Offered
from sureshot_lab.result import Event, Phase, Sample
from sureshot_lab.runs.faults import Disturbance, Faults
from sureshot_lab.runs.measure import Measured, duration_s, measure
from sureshot_lab.runs.progress import Progress
from sureshot_lab.runs.site import Site
from sureshot_lab.runs.whereabouts import Whereabouts, whereabouts
from sureshot_lab.sampler.exposition import Series
from sureshot_lab.scenario import Model, Scenario, Stage
from sureshot_lab.sink.reconciliation import reconcile
from sureshot_lab.sink.sink_result import SinkResult

STOPPED_DRAIN_S = 3.0
BEFORE_S = 1.0
"""So long the sampler looks at a quiet service first, and after the last arrival."""


@dataclass(frozen=True, kw_only=True)
class LoadRun:
    """Everything one load left behind; times count from its begin.

    ``unread``: by the sampler. ``broken``: why it ended before its time, other than by
    being told to; empty if it did not.
    """

    offered: Offered
    received: SinkResult
    found: Whereabouts
    measured: Measured
    phases: list[Phase]
    events: list[Event]
    samples: list[Sample]
    service_metrics: dict[str, float]
    drained: bool
    unread: list[str]
    disturbance: Disturbance | None = None
    broken: str = ""


def make_offer(site: Site, scenario: Scenario, run: str, stages: Sequence[Stage]) -> Offer:
    """Return what a generator is asked to do at *site*."""
    load = scenario.load
    return Offer(
        base_url=site.client.url,
        token=site.client.token,
        places=site.places,
        weights=site.weights,
        payloads=site.payloads,
        stages=list(stages),
        run=run,
        seed=scenario.payload.seed,
        model=load.model,
        connections=load.connections,
        worst_s=load.worst_s,
        generators=load.generators,
        tokens=[one.token for one in site.owners] if len(site.tenants) > 1 else [],
    )


async def offer(
    engine: str, what: Offer, folder: Path, progress: Progress, stop: asyncio.Event
) -> Offered:
    """Have *engine* offer it."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before anything runs
    return await offer_by(engine, what, folder, watch=progress.second, stop=stop)


async def warm_up(
    site: Site, scenario: Scenario, engine: str, folder: Path, progress: Progress,
    stop: asyncio.Event,
) -> None:  # fmt: skip
    """Send the first rate for a while, wait until it has arrived, and forget it."""
    load = scenario.load
    if load.warm_up_s > 0:
        _seconds, start, end = load.stages[0]
        rate = max(start, min(end, 200.0)) if load.model is Model.OPEN else 0.0
        progress.enter("warm-up")
        stages = [(load.warm_up_s, rate, rate)]
        await offer(
            engine, make_offer(site, scenario, "warm-up", stages), folder / "warm-up",
            progress, stop,
        )  # fmt: skip
        await site.empty(10.0, stop)
    await site.sink.reset()


async def run_load(
    site: Site, scenario: Scenario, engine: str, run: str, folder: Path, progress: Progress,
    stop: asyncio.Event,
) -> LoadRun:  # fmt: skip
    """Run the scenario's load at *site* with *engine*; *stop* ends it early and in order.

    So does a fault that does not go as it should: what was measured is kept, and why.
    """
    await asyncio.sleep(BEFORE_S)
    await warm_up(site, scenario, engine, folder, progress, stop)
    before = dict(site.metrics.counted())
    faults = Faults(scenario.fault, site.service, site.sink)
    progress.enter("load")
    what = make_offer(site, scenario, run, scenario.load.stages)
    ending = asyncio.Event()
    hurting = asyncio.create_task(_hurt(faults, ending))
    stopping = asyncio.create_task(_pass_on(stop, ending))
    try:
        offered = await offer(engine, what, folder / "load", progress, ending)
        load_end_s = time.time() - offered.started_at_s
        await asyncio.wait({hurting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        broken = hurting.result() if hurting.done() else ""
    finally:
        hurting.cancel()
        stopping.cancel()
        await asyncio.gather(hurting, stopping, return_exceptions=True)
    progress.enter("drain", "waiting until everything has arrived")
    drained = await site.empty(STOPPED_DRAIN_S if ending.is_set() else scenario.drain_s)
    await asyncio.sleep(BEFORE_S)
    end_s = time.time() - offered.started_at_s
    lasted_s = duration_s(offered, scenario.load.stages)
    phases = [
        Phase(name="load", start_s=0.0, end_s=lasted_s),
        Phase(name="drain", start_s=lasted_s, end_s=max(end_s, load_end_s, lasted_s)),
    ]
    ended = await look_back(site, scenario, offered, phases, before, drained=drained, broken=broken)
    return replace(
        ended,
        events=faults.events(offered.started_at_s),
        disturbance=faults.disturbance(offered.started_at_s),
    )


async def _hurt(faults: Faults, ending: asyncio.Event) -> str:
    """Carry out *faults*; when one fails, set *ending* and return why."""
    try:
        await faults.run()
    except LabError as error:
        ending.set()
        return str(error)
    return ""


async def _pass_on(stop: asyncio.Event, ending: asyncio.Event) -> None:
    await stop.wait()
    ending.set()


async def look_back(
    site: Site, scenario: Scenario, offered: Offered, phases: list[Phase],
    before: Mapping[Series, float], *, drained: bool, broken: str = "",
) -> LoadRun:  # fmt: skip
    """Count what arrived, look up what did not. *before*: the service's counters at the begin.

    Of a run that is *broken* nothing is looked up: whoever could tell may be gone.
    """
    origin_s = offered.started_at_s
    received = await site.sink.finish(origin_s)
    samples = await site.samples_since(origin_s)
    if broken:
        found = Whereabouts(found=reconcile(offered.accepted_ids, received))
    else:
        found = await whereabouts(site.tenants, offered, received)
    lasted_s = duration_s(offered, scenario.load.stages)
    return LoadRun(
        offered=offered,
        received=received,
        found=found,
        measured=measure(offered, received, found.found, lasted_s),
        phases=phases,
        events=[],
        samples=samples,
        service_metrics=site.metrics.summary(before),
        drained=drained,
        unread=site.sampler.problems,
        broken=broken,
    )
