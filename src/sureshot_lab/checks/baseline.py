"""Whether there is something to compare the run with afterwards."""

from __future__ import annotations

from sureshot_lab.analysis.baselines import Baseline, list_baselines
from sureshot_lab.analysis.comparison import FEWEST
from sureshot_lab.checks.check import Check, Subject
from sureshot_lab.checks.plan import Plan
from sureshot_lab.errors import LabError
from sureshot_lab.machine import describe
from sureshot_lab.report.figures import instant

PRESENT = Subject("baseline", "Baseline")


def check_baseline(plan: Plan) -> Check:
    """Look for a baseline of the scenario in its size, environment and engine on this machine."""
    fingerprint = str(describe()["fingerprint"])
    try:
        known = list_baselines(plan.baselines)
        engine = plan.engine
    except LabError as error:
        return PRESENT.warning(str(error), "delete that file, or give another --baselines")
    of_scenario = [one for one in known if one.scenario == plan.scenario.name]
    here = [one for one in of_scenario if one.fingerprint == fingerprint]
    wanted = (plan.scenario.size, plan.options.environment, engine)
    fitting = [one for one in here if (one.size, one.environment, one.engine) == wanted]
    if not fitting:
        return PRESENT.warning(_missing(plan, of_scenario, here, fingerprint), _how_to(plan))
    return _judged(plan, fitting[0])


def _judged(plan: Plan, newest: Baseline) -> Check:
    count = newest.repetitions
    runs = f"{count} run{'' if count == 1 else 's'}"
    told = f"{runs} at revision {newest.revision or 'unknown'}, {instant(newest.finished_at)}"
    if count < FEWEST:
        return PRESENT.warning(
            f"{told}: fewer than {FEWEST}, too few to tell a difference from chance", _how_to(plan)
        )
    return PRESENT.ok(told)


def _missing(
    plan: Plan, of_scenario: list[Baseline], here: list[Baseline], fingerprint: str
) -> str:
    name = plan.scenario.name
    if here:
        others = ", ".join(sorted({f"{one.size} {one.environment} {one.engine}" for one in here}))
        return f"{name} has baselines on this machine, but of other runs: {others}"
    if of_scenario:
        return f"{name} has baselines, but none of this machine ({fingerprint})"
    return f"{name} has none under {plan.baselines}"


def _how_to(plan: Plan) -> str:
    return (
        f"`{plan.command}` {FEWEST} times or more, then "
        f"`sureshot lab baseline save '{plan.options.runs}/*-{plan.scenario.name}-*'`"
    )
