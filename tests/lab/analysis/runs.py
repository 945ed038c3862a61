"""Results made up for tests: a plain run, and what differs in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from sureshot_lab.result import Conditions, Gate, Interval, Latency, RunResult, Sample, Verdict

STARTED_AT = datetime(2025, 6, 1, 12, tzinfo=UTC)
Curve = Callable[[float], float]


def a_run(**changes: Any) -> RunResult:
    """Return a run without anything to tell, with *changes*."""
    plain = RunResult(
        id="20250601-120000-load-1",
        scenario="load",
        title="A steady load",
        verdict=Verdict.PASS,
        reasons=[],
        gates=[],
        conditions=conditions(),
        metrics={},
    )
    return msgspec.structs.replace(plain, **changes)


def conditions(**changes: Any) -> Conditions:
    plain = Conditions(
        started_at=STARTED_AT,
        finished_at=STARTED_AT + timedelta(seconds=60),
        scenario="load",
        size="full",
        engine="native",
        environment="local",
        target="own service",
        seed=1,
        revision="106bcc6f3c8b",
        lab_version="1.0",
        machine={"cores": 2, "fingerprint": "0123456789ab"},
    )
    return msgspec.structs.replace(plain, **changes)


def seconds(
    count: int,
    *,
    rate: Curve | float = 300,
    p95_s: Curve | float = 0.010,
    failed: Curve | float = 0,
    in_flight: Curve | float = 0,
) -> list[Interval]:
    """Return *count* seconds of load, each value a number or a function of the second."""

    def at(value: Curve | float, second: float) -> float:
        return value(second) if callable(value) else value

    found = []
    for number in range(count):
        second = float(number)
        intended, wrong = round(at(rate, second)), round(at(failed, second))
        latency_s = at(p95_s, second)
        found.append(
            Interval(
                at_s=second,
                intended=intended,
                sent=intended,
                succeeded=intended - wrong,
                failed=wrong,
                in_flight=round(at(in_flight, second)),
                p50_s=latency_s / 2,
                p95_s=latency_s,
                p99_s=latency_s * 1.5,
            )
        )
    return found


def samples(count: int, **curves: Curve | float) -> list[Sample]:
    """Return a sample a second; names have ``__`` for a dot."""
    return [
        Sample(
            at_s=float(second),
            values={
                name.replace("__", "."): curve(float(second)) if callable(curve) else curve
                for name, curve in curves.items()
            },
        )
        for second in range(count)
    ]


def latency(count: int = 20_000, **changes: float) -> Latency:
    plain = Latency(
        count=count,
        mean_s=0.005,
        p50_s=0.005,
        p90_s=0.008,
        p95_s=0.010,
        p99_s=0.015,
        p999_s=0.020,
        max_s=0.030,
    )
    return msgspec.structs.replace(plain, **changes)


def gate(metric: str, value: float, comparison: str, limit: float, unit: str = "s") -> Gate:
    passed = {"<": value < limit, ">": value > limit, ">=": value >= limit, "==": value == limit}
    return Gate(
        name=metric,
        metric=metric,
        comparison=comparison,
        limit=limit,
        unit=unit,
        value=value,
        passed=passed[comparison],
        title=metric,
    )


def repeated(values: Sequence[float], metric: str, **changes: Any) -> list[RunResult]:
    """Return a run for each of *values*."""
    return [
        a_run(id=f"run-{number}", metrics={metric: value}, **changes)
        for number, value in enumerate(values)
    ]
