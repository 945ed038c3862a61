"""One trial: a short run with the settings of a point, and whether they are a candidate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.result import Gate, Interval, RunResult, Verdict
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.outcome import gates_of
from sureshot_lab.runs.progress import Progress
from sureshot_lab.runs.run import run_scenario
from sureshot_lab.scenario import Model, Scenario
from sureshot_lab.tuning.objective import Objective
from sureshot_lab.tuning.space import Point

LOAD = "load"
WHOLLY = 1.0
"""The violation of what was not measured, or is as bad as what was not."""


class TrialState(StrEnum):
    """What became of a trial; only a candidate may win."""

    CANDIDATE = "candidate"
    GATES_MISSED = "gates missed"
    INVALID = "invalid"
    CUT_SHORT = "cut short"
    """Ended early: it could not have kept its gates any more."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A point as measured. ``value``: the objective, None where the run does not tell it.

    ``violation``: by how much gates were missed, as shares of their limits; 0 for a candidate.
    """

    number: int
    point: Point
    state: TrialState
    value: float | None = None
    violation: float = 0.0
    reasons: list[str] = []
    metrics: dict[str, float] = {}
    run: str = ""


class LostCause:
    """Tells from the seconds of a load as they come when its gates can no longer be kept.

    No guess: a dropped arrival makes the run INVALID, and more failures than the gate
    allows of the whole load miss it, whatever follows.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.reason = ""
        self._seen: Interval | None = None
        self._failed = 0
        self._allowed = _failures_allowed(scenario)

    def look(self, progress: Progress) -> None:
        """Take in what a run tells."""
        second = progress.interval
        if progress.phase != LOAD or second is None or second is self._seen:
            return
        self._seen = second
        self._failed += second.failed
        if second.dropped:
            self.reason = f"{second.dropped} arrivals dropped in one second"
        elif self._allowed is not None and self._failed > self._allowed:
            self.reason = (
                f"{self._failed} submissions failed; of the whole load {self._allowed:.0f} may"
            )


async def run_trial(
    number: int, point: Point, scenario: Scenario, options: Options, objective: Objective,
    stop: asyncio.Event,
) -> Trial | None:  # fmt: skip
    """Run *scenario*, which has the settings of *point*; None when *stop* ended it.

    Raises:
        LabError: the service does not start as the tuning begins; with others that is a trial
            that is INVALID.

    """
    cause, enough = LostCause(scenario), asyncio.Event()

    def watch(progress: Progress) -> None:
        cause.look(progress)
        if cause.reason:
            enough.set()

    passing_on = asyncio.create_task(_pass_on(stop, enough))
    try:
        result, _folder = await run_scenario(scenario, options, watch, enough)
    except LabError as error:
        if number == 0:
            raise
        return Trial(
            number=number, point=point, state=TrialState.INVALID, violation=WHOLLY,
            reasons=[str(error)],
        )  # fmt: skip
    finally:
        passing_on.cancel()
    return None if stop.is_set() else trial_of(number, point, result, objective, cause.reason)


async def _pass_on(stop: asyncio.Event, enough: asyncio.Event) -> None:
    await stop.wait()
    enough.set()


def trial_of(
    number: int, point: Point, result: RunResult, objective: Objective, cut_short: str = ""
) -> Trial:
    """Return *result* as a trial; *cut_short* is why the run was ended early, if it was."""
    value = result.metrics.get(objective.metric)
    state, reasons = _state(result, value, objective, cut_short)
    known = state in {TrialState.CANDIDATE, TrialState.GATES_MISSED}
    return Trial(
        number=number,
        point=point,
        state=state,
        value=value if known else None,
        violation=_violation(result.gates, state),
        reasons=reasons,
        metrics=result.metrics,
        run=result.id,
    )


def _state(
    result: RunResult, value: float | None, objective: Objective, cut_short: str
) -> tuple[TrialState, list[str]]:
    if cut_short:
        return TrialState.CUT_SHORT, [cut_short]
    if result.verdict is Verdict.INVALID:
        return TrialState.INVALID, result.reasons
    if value is None or value <= 0:
        return TrialState.INVALID, [f"{objective.metric} was not measured"]
    if result.verdict is Verdict.FAIL:
        return TrialState.GATES_MISSED, result.reasons
    return TrialState.CANDIDATE, []


def _violation(gates: Sequence[Gate], state: TrialState) -> float:
    if state is TrialState.CANDIDATE:
        return 0.0
    if state is not TrialState.GATES_MISSED:
        return WHOLLY
    return sum(_missed_by(gate) for gate in gates if gate.passed is False) or WHOLLY


def _missed_by(gate: Gate) -> float:
    """Return by which share of its limit a gate was missed; wholly where that is 0."""
    if gate.value is None or not gate.limit:
        return WHOLLY
    # Missed by a hair is missed: never 0.
    return max(abs(gate.value - gate.limit) / abs(gate.limit), 1e-9)


def _failures_allowed(scenario: Scenario) -> float | None:
    """Return how many submissions of the whole load may fail; None where no gate tells."""
    limits = [gate.limit for gate in gates_of(scenario) if gate.metric == "success_share"]
    load = scenario.load
    if not limits or load.model is not Model.OPEN:
        return None
    whole = sum(seconds * (start + end) / 2 for seconds, start, end in load.stages)
    return (1 - max(limits)) * whole
