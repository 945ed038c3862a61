"""A real ``sureshot up --autoscale`` under a step of load: how long it takes to grow and shrink."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sureshot_lab.errors import LabError, TargetUnreachable
from sureshot_lab.load.native import offer_native
from sureshot_lab.load.offer import Offer, Offered
from sureshot_lab.runs.backing import Backing, fresh_backing
from sureshot_lab.runs.own_service import OwnService
from sureshot_lab.runs.whereabouts import whereabouts
from sureshot_lab.scenario import Behaviour, Service, Sink
from sureshot_lab.sink.process import SinkProcess
from sureshot_lab.sink.reconciliation import Reconciliation
from sureshot_lab.traffic.payloads import make_payloads

DELAY_S = 0.1
ENDPOINTS = 20
EVERY_S = 0.25
DRAIN_S = 60.0
SLOTS = {"cluster": 100, "postgres": 8}
"""So few that a process does 50 to 100 webhooks a second. With a broker a process holds one
message for every 50 slots, each with the few webhooks of one commit: that is its limit then."""
PAYLOADS = {"user.created": 0.5, "order.completed": 0.5}


@dataclass(frozen=True, kw_only=True)
class LivePlan:
    """The load: *low_per_s*, then *high_per_s*, then low again; and what a worker may do.

    Receivers take 100 ms and a worker has few slots, so that workers and not CPU are the
    limit. ``down_after_s`` replaces the five minutes that a shrinking takes by default.
    """

    profile: str = "cluster"
    least: int = 1
    most: int = 4
    low_per_s: float = 15.0
    high_per_s: float = 100.0
    low_s: float = 10.0
    high_s: float = 30.0
    max_in_flight: int | None = None
    down_after_s: float = 10.0


@dataclass(frozen=True)
class Moment:
    """The deployment at *at_s* after the load began: processes there, wanted, and the queue."""

    at_s: float
    processes: int
    current: int
    wanted: int
    depth: int


@dataclass(frozen=True)
class LiveResult:
    """What came of it. Times count from the step up, and from the step down; None: never.

    ``grown_s``: until as many processes as it ever had were ready. ``lost`` webhooks were
    accepted and never arrived; ``refused`` submissions were answered with an error.
    """

    started_s: float | None
    grown_s: float | None
    shrunk_s: float | None
    most: int
    accepted: int
    delivered: int
    refused: int
    dropped: int
    duplicates: int
    lost: int
    incomplete: str
    capacity_per_s: float
    decisions: list[str] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)


class AutoscaledService(OwnService):
    """A deployment whose size is its own affair."""

    def __init__(self, plan: LivePlan, folder: Path, backing: Backing | None) -> None:
        settings: dict[str, str | int | float] = {
            "max_in_flight": plan.max_in_flight or SLOTS[plan.profile],
            "scaling_down_after_s": plan.down_after_s,
            "scaling_drain_s": 5,
            "log_level": "info",
            "log_format": "json",
            # Nobody asks the single processes, and their number is not known before.
            "metrics_port": "",
        }
        super().__init__(Service(profile=plan.profile, settings=settings), folder, backing)
        self._plan_live = plan
        self.played = "worker" if plan.profile == "cluster" else "all"
        self.advised = "worker" if plan.profile == "cluster" else "replica"

    def _command(self) -> list[str]:
        bounds = f"{self._plan_live.least}..{self._plan_live.most}"
        return [*super()._command(), "--autoscale", bounds]

    def decisions(self) -> list[str]:
        """Return what its log says of each change, in sentences."""
        found = []
        for line in (self.folder / "service.log").read_text(errors="replace").splitlines():
            if '"autoscaler.scaled"' in line:
                told = json.loads(line)
                found.append(f"{told['present']} to {told['to']}: {told['reason']}")
        return found


async def run_live(plan: LivePlan, folder: Path, tell: Callable[[str], None]) -> LiveResult:
    """Run the deployment *plan* describes in *folder*; *tell* hears what goes on.

    Raises ``LabError`` when something is missing or the plan cannot be carried out.
    """
    if plan.profile not in SLOTS:
        raise LabError(f"profile {plan.profile}: several processes need cluster or postgres")
    for part in ("service", "load"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    sink_plan = Sink(behaviour=[Behaviour(share=1.0, delay_s=DELAY_S)])
    async with contextlib.AsyncExitStack() as stack:
        service = await stack.enter_async_context(_service(plan, folder / "service"))
        sink = await stack.enter_async_context(
            SinkProcess.start(folder / "sink", sink_plan, ENDPOINTS)
        )
        secret = await service.client.default_secret()
        await sink.know_secrets({}, secret or ())
        tell(f"{plan.low_per_s:g} webhooks a second, then {plan.high_per_s:g}, then back")
        watcher = Watcher(service)
        watching = asyncio.create_task(watcher.run())
        try:
            offered = await offer_native(_offer(plan, service, sink), folder / "load")
            tell("the load is over; waiting until all has arrived, and for the shrinking")
            drained = await _settle(plan, service)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        received = await sink.finish(offered.started_at_s)
        found = await whereabouts([service.client], offered, received)
        incomplete = received.reason or ("" if drained else "not all of it had arrived in time")
        return _result(plan, watcher, offered, found.found, incomplete, service.decisions())


@contextlib.asynccontextmanager
async def _service(plan: LivePlan, folder: Path) -> AsyncIterator[AutoscaledService]:
    async with fresh_backing(plan.profile) as backing:
        service = AutoscaledService(plan, folder, backing)
        try:
            await service.start()
            yield service
        finally:
            await service.stop()


def _offer(plan: LivePlan, service: OwnService, sink: SinkProcess) -> Offer:
    low, high = plan.low_per_s, plan.high_per_s
    return Offer(
        base_url=service.url,
        token=service.token,
        places=[f'"url":{json.dumps(sink.url(index))}' for index in range(ENDPOINTS)],
        weights=[1.0] * ENDPOINTS,
        payloads=make_payloads(PAYLOADS, 1, 64),
        stages=[(plan.low_s, low, low), (plan.high_s, high, high), (plan.low_s, low, low)],
        run="autoscale",
    )


async def _settle(plan: LivePlan, service: AutoscaledService) -> bool:
    """Wait until nothing waits and the deployment is small again; return whether all was done."""
    until_s = time.monotonic() + DRAIN_S + plan.down_after_s
    empty = False
    while time.monotonic() < until_s:
        with contextlib.suppress(TargetUnreachable):
            depth = await service.client.depth()
            empty = empty or (depth.get("backlog") == 0 and depth.get("inFlight") == 0)
            if empty and len(service.pids(service.played)) == plan.least:
                # Once more seen by whoever watches.
                await asyncio.sleep(4 * EVERY_S)
                return True
        await asyncio.sleep(EVERY_S)
    return empty


class Watcher:
    """Looks at the deployment while it is under load."""

    def __init__(self, service: AutoscaledService) -> None:
        self._service = service
        self.moments: list[tuple[float, Moment]] = []
        self.capacity_per_s = 0.0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            with contextlib.suppress(TargetUnreachable):
                await self._look()
            await asyncio.sleep(EVERY_S)

    async def _look(self) -> None:
        service = self._service
        status, answer = await service.client.call("GET", "/api/v1/admin/scaling", admin=True)
        role = answer["roles"].get(service.advised) if status == 200 else None
        if role is None:
            return
        inputs = role["inputs"]
        if inputs["capacityLearned"]:
            self.capacity_per_s = inputs["capacityPerSecond"]
        moment = Moment(
            0.0, len(service.pids(service.played)), role["current"], role["wanted"],
            int(inputs["waiting"]),
        )  # fmt: skip
        self.moments.append((time.time(), moment))


def _result(
    plan: LivePlan,
    watcher: Watcher,
    offered: Offered,
    found: Reconciliation,
    incomplete: str,
    decisions: list[str],
) -> LiveResult:
    moments = [
        replace(moment, at_s=round(at_s - offered.started_at_s, 2))
        for at_s, moment in watcher.moments
    ]
    up_at_s, down_at_s = plan.low_s, plan.low_s + plan.high_s
    after = [moment for moment in moments if moment.at_s >= up_at_s]
    most = max((moment.current for moment in moments), default=0)
    large = [moment.at_s for moment in moments if moment.processes > plan.least]
    return LiveResult(
        started_s=_first(after, lambda one: one.processes > plan.least, up_at_s),
        grown_s=_first(after, lambda one: one.current == most, up_at_s)
        if most > plan.least
        else None,
        shrunk_s=_first(
            [one for one in moments if one.at_s > max(large, default=0.0)],
            lambda one: one.processes == plan.least,
            down_at_s,
        )
        if large
        else None,
        most=most,
        accepted=offered.accepted,
        delivered=found.delivered,
        refused=offered.failed,
        dropped=offered.dropped,
        duplicates=found.duplicates,
        lost=len(found.lost),
        incomplete=incomplete,
        capacity_per_s=watcher.capacity_per_s,
        decisions=decisions,
        moments=moments,
    )


def _first(
    moments: Sequence[Moment], holds: Callable[[Moment], bool], since_s: float
) -> float | None:
    """Return how long after *since_s* the first of *moments* comes for which *holds*."""
    found = next((one.at_s for one in moments if holds(one)), None)
    return None if found is None else round(found - since_s, 2)
