"""A tuning from its plan to what it recommends: trials, then the best against the first."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.machine import describe, revision
from sureshot_lab.report.figures import figure, unit_of
from sureshot_lab.runs.interleaved import Interleaved, interleave
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.outcome import new_run_id
from sureshot_lab.scenario import Kind, Scenario
from sureshot_lab.tuning.judgement import Judgement, Outcome, judge
from sureshot_lab.tuning.objective import Objective
from sureshot_lab.tuning.outcome import Searched, Tuning
from sureshot_lab.tuning.search import Search, best_of, search_through
from sureshot_lab.tuning.space import PROCESSES, SETTINGS, Point, Space, changed, in_words
from sureshot_lab.tuning.trial import Trial, TrialState, run_trial

Tell = Callable[[str], None]
ALL_DONE = 0.97
"""From this share of what was offered on, the load is the limit and not the service."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to tune. *scenario* is as long as a trial; *repeats*: runs of each side at the end.

    *told* are settings of every run, from a file; a point takes the place of what is searched.
    """

    scenario: Scenario
    space: Space
    objective: Objective
    trials: int
    repeats: int
    seed: int
    runs: Path = field(default=Path("runs"))
    told: Mapping[str, str] = field(default_factory=dict)

    def scenario_at(self, point: Point) -> Scenario:
        """Return the scenario with what was told and the settings of *point*."""
        service = self.scenario.service
        moved = changed(self.space, point)
        settings = {n.removeprefix(SETTINGS): v for n, v in moved.items() if n not in PROCESSES}
        processes = {n.rpartition(".")[2]: v for n, v in moved.items() if n in PROCESSES}
        service = msgspec.structs.replace(
            service, settings={**self.told, **service.settings, **settings}, **processes
        )
        return msgspec.structs.replace(self.scenario, service=service)


def lasting(scenario: Scenario, seconds: float) -> Scenario:
    """Return *scenario* with its load stretched or shortened to *seconds*, faults with it.

    Raises:
        LabError: it is a scenario that has no load of a length.

    """
    if scenario.kind is not Kind.LOAD:
        raise LabError(
            f"scenario {scenario.name} is of the kind {scenario.kind}: tune needs one of the kind "
            f"load, such as load or performance"
        )
    share = seconds / scenario.load.duration_s
    stages = [(lasts * share, start, end) for lasts, start, end in scenario.load.stages]
    faults = [msgspec.structs.replace(one, at_s=one.at_s * share) for one in scenario.fault]
    load = msgspec.structs.replace(scenario.load, stages=stages)
    return msgspec.structs.replace(scenario, load=load, fault=faults)


async def tune(plan: Plan, tell: Tell, stop: asyncio.Event) -> tuple[Tuning, Path]:
    """Search, compare, judge; return what it came to and its folder, where each run is kept.

    *tell* is told each step in a line. When *stop* is set it ends in order, with what there
    is. Nothing is written but the runs.

    Raises:
        LabError: the service does not start, or what it begins at cannot be measured at all.

    """
    started_at = datetime.now(UTC)
    named = msgspec.structs.replace(plan.scenario, name=f"tune-{plan.scenario.name}")
    run_id = new_run_id(named, secrets.token_hex(2))
    folder = plan.runs / run_id
    search = Search(plan.space, plan.objective, plan.trials, plan.seed)
    options = Options(runs=folder / "trials", seed=plan.seed)

    async def measure(number: int, point: Point) -> Trial | None:
        scenario = plan.scenario_at(point)
        trial = await run_trial(number, point, scenario, options, plan.objective, stop)
        if trial is not None:
            tell(f"trial {number + 1} of {plan.trials}: {_line(plan, trial)}")
        return trial

    trials = await search_through(search, measure, plan.trials, stop)
    # One run each is luck too: the best of the others is held against the first in any case.
    candidate = best_of(trials[1:], plan.objective)
    judgement = await _judged(plan, trials, candidate, folder, tell, stop)
    importance = search.importance()
    tuning = Tuning(
        id=run_id,
        scenario=plan.scenario.name,
        objective=plan.objective,
        metric=plan.objective.metric,
        seed=plan.seed,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        conditions=_conditions(plan),
        start_name=plan.space.start_name,
        space=[
            Searched(name=one.name, values=list(one.values), start=plan.space.start[one.name],
                     why=one.why, importance=importance.get(one.name))
            for one in plan.space.dimensions
        ],
        trials=trials,
        candidate=None if candidate is None else candidate.number,
        changes={} if candidate is None else changed(plan.space, candidate.point),
        judgement=judgement,
        remarks=remarks(plan, trials),
        stopped=stop.is_set(),
    )  # fmt: skip
    return tuning, folder


async def _judged(
    plan: Plan, trials: Sequence[Trial], candidate: Trial | None, folder: Path, tell: Tell,
    stop: asyncio.Event,
) -> Judgement:  # fmt: skip
    if stop.is_set():
        return _stopped(plan, trials)
    if candidate is None:
        return _alone(trials, plan.space.start_name)
    start = plan.space.start_name
    tell(f"the best, {in_words(plan.space, candidate.point)}, against {start} in turns")
    try:
        done = await _in_turns(plan, candidate, folder, stop)
    except LabError as error:
        # The trials took long and are worth keeping.
        return Judgement(
            outcome=Outcome.UNDECIDED, says=f"undecided: the comparison broke off: {error}"
        )
    if stop.is_set():
        return _stopped(plan, trials)
    if done.invalid:
        tell(f"{done.invalid} invalid runs were thrown away")
    return judge(done.a, done.b, plan.objective, start)


def _alone(trials: Sequence[Trial], start: str) -> Judgement:
    """Return what is said when no other settings than those of *start* are a candidate."""
    if any(trial.state is TrialState.CANDIDATE for trial in trials):
        return Judgement(
            outcome=Outcome.NO_DIFFERENCE,
            says=f"keep {start}: no other settings kept every gate",
        )
    return Judgement(
        outcome=Outcome.UNDECIDED,
        says=f"undecided: no trial was valid and kept every gate, {start} neither; "
        "lower the load, or see why with `sureshot lab run`",
    )


def _stopped(plan: Plan, trials: Sequence[Trial]) -> Judgement:
    best = best_of(trials, plan.objective)
    said = "no trial was a candidate so far"
    if best is not None:
        said = (
            f"the best so far is {in_words(plan.space, best.point)} with {_figure(plan, best)}, "
            f"not held against {plan.space.start_name} in turns"
        )
    return Judgement(outcome=Outcome.UNDECIDED, says=f"undecided, because stopped: {said}")


async def _in_turns(plan: Plan, candidate: Trial, folder: Path, stop: asyncio.Event) -> Interleaved:
    sides = [plan.scenario_at(point) for point in (plan.space.start, candidate.point)]
    options = Options(runs=folder / "compared", seed=plan.seed)
    return await interleave(sides[0], sides[1], options, plan.repeats, stop=stop)


def _line(plan: Plan, trial: Trial) -> str:
    words = in_words(plan.space, trial.point)
    if trial.state is TrialState.CANDIDATE:
        return f"{words}: {_figure(plan, trial)}"
    return f"{words}: {trial.state}: {'; '.join(trial.reasons[:1])}"


def _figure(plan: Plan, trial: Trial) -> str:
    return figure(trial.value, unit_of(plan.objective.metric))


def _conditions(plan: Plan) -> dict[str, Any]:
    load, service = plan.scenario.load, plan.scenario.service
    return {
        "profile": service.profile,
        "seconds": load.duration_s,
        "peak_per_s": load.peak_per_s,
        "settings": {**plan.told, **service.settings},
        "api": service.api,
        "workers": service.workers,
        "points": plan.space.size,
        "repeats": plan.repeats,
        "machine": describe(),
        "revision": revision(),
    }


def remarks(plan: Plan, trials: Sequence[Trial]) -> list[str]:
    """Return what a reader of the figures should know."""
    if not trials:
        return []
    found, first, start = [], trials[0], plan.space.start_name
    if first.state is not TrialState.CANDIDATE:
        found.append(f"trial 1, {start}, is no candidate: {'; '.join(first.reasons)}")
    offered = first.metrics.get("offered_per_s", 0.0)
    done = first.metrics.get(plan.objective.metric, 0.0)
    if plan.objective is Objective.GOODPUT and done >= ALL_DONE * offered > 0:
        found.append(
            f"with {start} all that is offered was delivered ({offered:.0f}/s): no settings can "
            "deliver more; take a scenario beyond capacity, or the objective cpu or latency"
        )
    bad = sum(trial.state is not TrialState.CANDIDATE for trial in trials)
    if bad > len(trials) / 2:
        found.append(
            f"{bad} of {len(trials)} trials were no candidates: the load is near the limit, or "
            "the machine is busy with something else"
        )
    return found
