"""Results as a run would leave them, without one."""

from __future__ import annotations

from datetime import UTC, datetime

from sureshot_lab.result import Conditions, Interval, RunResult, Sample, Verdict
from sureshot_lab.scale.processes import takes_table


def result_with(
    metrics: dict[str, float],
    *,
    delivered: list[int] | None = None,
    intended: int = 0,
    taken: list[float] | None = None,
    samples: list[Sample] | None = None,
    verdict: Verdict = Verdict.PASS,
) -> RunResult:
    """Return a result with *metrics*, *delivered* of *intended* a second, *taken* by worker."""
    at = datetime(2026, 1, 2, tzinfo=UTC)
    conditions = Conditions(
        started_at=at, finished_at=at, scenario="smoke", size="full", engine="native",
        environment="local", target="own service", seed=1, revision="", lab_version="0",
        machine={},
    )  # fmt: skip
    seconds = [
        Interval(
            at_s=float(n), intended=intended, sent=intended, succeeded=0, failed=0, delivered=count
        )
        for n, count in enumerate(delivered or [])
    ]
    return RunResult(
        id="a", scenario="smoke", title="", verdict=verdict, reasons=["why"], gates=[],
        conditions=conditions, metrics=metrics, intervals=seconds, samples=samples or [],
        tables=[] if taken is None else [takes_table(taken)],
    )  # fmt: skip
