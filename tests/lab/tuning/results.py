"""Results and trials as a run would leave them, for what reads them."""

from __future__ import annotations

from datetime import UTC, datetime

from sureshot_lab.result import Conditions, Gate, RunResult, Verdict
from sureshot_lab.tuning.space import Dimension, Point, Space
from sureshot_lab.tuning.trial import Trial, TrialState

IN_FLIGHT, QUEUE = "service.settings.max_in_flight", "service.settings.queue_limit"
VALUES = (50, 100, 250, 500, 1000, 2500, 5000, 10_000, 20_000)
SPACE = Space(
    (Dimension(IN_FLIGHT, VALUES, ""), Dimension(QUEUE, VALUES, "")),
    {IN_FLIGHT: 10_000, QUEUE: 10_000},
)
AT = datetime(2026, 1, 2, tzinfo=UTC)


def a_result(
    cpu_us: float, verdict: Verdict = Verdict.PASS, gates: list[Gate] | None = None
) -> RunResult:
    conditions = Conditions(
        started_at=AT, finished_at=AT, scenario="load", size="full", engine="native",
        environment="local", target="own service", seed=1, revision="", lab_version="0",
        machine={},
    )  # fmt: skip
    return RunResult(
        id="a", scenario="load", title="", verdict=verdict, gates=gates or [],
        reasons=["as told"] if verdict is not Verdict.PASS else [], conditions=conditions,
        metrics={"service_cpu_us_per_webhook": cpu_us, "submission_p99_s": 0.010},
    )  # fmt: skip


def a_trial(number: int, point: Point, value: float | None, violation: float = 0.0) -> Trial:
    state = TrialState.CANDIDATE
    if value is None:
        state, violation = TrialState.INVALID, 1.0
    elif violation:
        state = TrialState.GATES_MISSED
    return Trial(number=number, point=point, state=state, value=value, violation=violation)
