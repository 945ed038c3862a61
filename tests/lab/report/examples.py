"""Results as the laboratory writes them: a good run, a bad one, an invalid one, a search."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from sureshot_lab.result import (
    ErrorCount,
    Event,
    Finding,
    Gate,
    Phase,
    RunResult,
    Table,
    Verdict,
)
from sureshot_lab.targets import hold, load_targets
from tests.lab.report.example_parts import (
    BACK_AT_S,
    KILLED_AT_S,
    SERVICE,
    STARTED_AT,
    conditions,
    depth_around_a_kill,
    interrupted_seconds,
    latency,
    samples,
    steady_seconds,
    work_around_a_kill,
)

ALL_TARGETS = (
    "throughput",
    "queue-latency",
    "delivery-latency",
    "api-latency",
    "success-rate",
    "lost",
    "duplicates",
    "bad-signatures",
    "cpu",
    "memory",
)
GOOD_METRICS = {
    "requests": 60_000.0,
    "failed_requests": 0.0,
    "dropped_requests": 0.0,
    "achieved_per_s": 999.8,
    "throughput_per_min": 59_988.0,
    "submission_p50_s": 0.00062,
    "submission_p95_s": 0.00139,
    "submission_p99_s": 0.00291,
    "queue_latency_p99_s": 0.0021,
    "end_to_end_p95_s": 0.0042,
    "success_share": 1.0,
    "submission_success_share": 1.0,
    "lost": 0.0,
    "duplicate_share": 0.0,
    "bad_signatures": 0.0,
    "service_cpu_share": 0.31,
    "service_rss_max_bytes": 89_128_960.0,
    "service_cpu_us_per_webhook": 59.6,
    "queue_depth_max": 14.0,
}
BAD_METRICS = {
    "requests": 59_640.0,
    "failed_requests": 1_512.0,
    "dropped_requests": 360.0,
    "achieved_per_s": 497.0,
    "throughput_per_min": 29_064.0,
    "submission_p99_s": 0.1832,
    "end_to_end_p95_s": 11.42,
    "queue_latency_p99_s": 0.0212,
    "success_share": 0.97465,
    "lost": 0.0,
    "duplicate_share": 0.0032,
    "bad_signatures": 0.0,
    "service_cpu_share": 0.74,
    "service_rss_max_bytes": 143_654_912.0,
    "service_cpu_us_per_webhook": 77.4,
    "queue_depth_max": 5_412.0,
    "recovery_s": 27.0,
}
BAD_REASONS = [
    "API request latency (p99) is 183 ms, not < 100 ms",
    "Delivery latency (p95) is 11.4 s, not < 500 ms",
    "Queue latency (p99) is 21.2 ms, not < 10 ms",
    "Success rate is 97.465 %, not > 99.9 %",
    "CPU per pod is 74 %, not < 70 %; Queue depth is 5,412, not < 1,000",
    "Recovery after the kill took 27.0 s, not < 10 s",
]
RECOVERY = Gate(
    name="recovery-s",
    metric="recovery_s",
    comparison="<",
    limit=10.0,
    unit="s",
    source="scenario",
    title="Recovery after the kill",
)
BAD_ERRORS = [
    ErrorCount(what="status 503", count=1_204, first_at_s=50.2),
    ErrorCount(what="timeout", count=211, first_at_s=51.0),
    ErrorCount(what="connection reset by peer", count=97, first_at_s=50.0),
]
BAD_FINDINGS = [
    Finding(
        severity="error",
        what="Recovery waits for leases to run out",
        evidence="12.0 s from the kill to the first delivery; leases last 10 s, and 5,412 "
        "webhooks were waiting by then.",
        recommendation="Set lease_s to 3: a dead worker's webhooks are then free after 3 s "
        "instead of 10. Expected recovery: 27 s to about 15 s.",
    ),
    Finding(
        severity="warning",
        what="CPU is the limit while catching up",
        evidence="The service took 1.9 of 2 cores from 1:02 to 1:17; host steal 6 %.",
        recommendation="A second worker halves the time to catch up.",
    ),
]
SEARCH_METRICS = {
    "capacity_per_s": 10_500.0,
    "capacity_low_per_s": 10_120.0,
    "capacity_high_per_s": 10_890.0,
    "throughput_per_min": 630_000.0,
    "success_share": 0.99998,
    "lost": 0.0,
    "service_cpu_us_per_webhook": 81.1,
}
CAPACITY = Gate(
    name="capacity-per-s",
    metric="capacity_per_s",
    comparison=">=",
    limit=10_000.0,
    unit="per_s",
    source="scenario",
    title="Highest rate that keeps the promises",
)


def good(duration_s: int = 60, run_id: str = "20260314-092653-steady") -> RunResult:
    """Return a run at 1,000 a second that keeps everything."""
    metrics = GOOD_METRICS
    return RunResult(
        id=run_id,
        scenario="steady",
        title="Steady load at six times the promised rate",
        verdict=Verdict.PASS,
        reasons=["all 10 gates hold"],
        gates=hold([load_targets().gate(name) for name in ALL_TARGETS], metrics),
        conditions=conditions("steady", duration_s + 3),
        metrics=metrics,
        latencies={
            "submission": latency(60_000, 0.00062, 0.62, 0.021),
            "end_to_end": latency(60_000, 0.0016, 0.6, 0.048),
            "queue_latency": latency(60_000, 0.0003, 0.8, 0.011),
        },
        intervals=steady_seconds(duration_s),
        samples=samples(duration_s, lambda at: 1.0),
        phases=[
            Phase(name="warm-up", start_s=0, end_s=5),
            Phase(name="steady", start_s=5, end_s=duration_s - 2),
            Phase(name="drain", start_s=duration_s - 2, end_s=duration_s),
        ],
        findings=[
            Finding(
                severity="info",
                what="Room for 2.2 times this rate on this machine",
                evidence="CPU of the service 0.62 of 2 cores at 1,000/s, 59.6 µs a webhook; "
                "generator and sink took 0.36 cores beside it.",
            )
        ],
        files={"samples of the run": "samples.ndjson"},
    )


def bad() -> RunResult:
    """Return a run in which the worker is killed in the middle: errors, and a backlog after it."""
    started_at = STARTED_AT + timedelta(hours=1)
    known = [load_targets().gate(name) for name in [*ALL_TARGETS, "queue-depth"]]
    return RunResult(
        id="20260314-101500-kill-worker",
        scenario="kill-worker",
        title="A worker is killed under load",
        verdict=Verdict.FAIL,
        reasons=BAD_REASONS,
        gates=hold([*known, RECOVERY], BAD_METRICS),
        conditions=conditions(
            "kill-worker",
            150,
            started_at=started_at,
            finished_at=started_at + timedelta(seconds=150),
            target="own service, cluster",
            service={**SERVICE, "profile": "cluster", "store": "postgres", "queue": "rabbitmq"},
        ),
        metrics=BAD_METRICS,
        latencies={
            "submission": latency(57_768, 0.0009, 1.6, 4.1),
            "end_to_end": latency(57_768, 0.004, 2.2, 28.4),
        },
        intervals=interrupted_seconds(),
        samples=samples(120, work_around_a_kill, depth_around_a_kill),
        phases=[
            Phase(name="warm-up", start_s=0, end_s=3),
            Phase(name="before", start_s=3, end_s=KILLED_AT_S),
            Phase(name="fault", start_s=KILLED_AT_S, end_s=BACK_AT_S),
            Phase(name="after", start_s=BACK_AT_S, end_s=120),
        ],
        events=[
            Event(at_s=float(KILLED_AT_S), what="SIGKILL of worker 1 (process 4711)"),
            Event(at_s=52.5, what="worker 1 started again by its supervisor"),
            Event(at_s=BACK_AT_S, what="worker 1 ready, leases of the dead process taken over"),
        ],
        errors=BAD_ERRORS,
        findings=BAD_FINDINGS,
    )


def invalid() -> RunResult:
    """Return a run that was stopped early and whose generator could not keep up."""
    metrics = {
        "requests": 9_120.0,
        "dropped_requests": 2_880.0,
        "achieved_per_s": 760.0,
        "submission_p99_s": 0.412,
    }
    return RunResult(
        id="20260314-110102-steady",
        scenario="steady",
        title="Steady load at six times the promised rate",
        verdict=Verdict.INVALID,
        reasons=[
            "the generator was at 97 % of its core: it dropped 2,880 of 12,000 arrivals",
            "host steal was 31 %, more than 5 %",
            "stopped by SIGINT after 12 of 60 s",
        ],
        gates=hold([load_targets().gate(name) for name in ALL_TARGETS], metrics),
        conditions=conditions(
            "steady",
            12,
            started_at=STARTED_AT + timedelta(hours=2),
            finished_at=STARTED_AT + timedelta(hours=2, seconds=12),
        ),
        metrics=metrics,
        intervals=[
            replace(
                interval, sent=760, succeeded=760, dropped=240, delivered=760, p99_s=0.39 + n / 400
            )
            for n, interval in enumerate(good().intervals[6:18])
        ],
        partial=True,
    )


def breakpoint_search() -> RunResult:
    """Return a search for the highest rate, with its steps as a table."""
    metrics = SEARCH_METRICS
    gates = [
        CAPACITY,
        *(load_targets().gate(name) for name in ("throughput", "success-rate", "lost")),
    ]
    return RunResult(
        id="20260314-121212-breakpoint",
        scenario="breakpoint",
        title="The highest rate that keeps every promise",
        verdict=Verdict.PASS,
        reasons=["all 4 gates hold"],
        gates=hold(gates, metrics),
        conditions=conditions(
            "breakpoint",
            312,
            started_at=STARTED_AT + timedelta(hours=3),
            finished_at=STARTED_AT + timedelta(hours=3, seconds=312),
        ),
        metrics=metrics,
        tables=[_steps()],
        findings=[
            Finding(
                severity="info",
                what="The processor is what gives out first",
                evidence="1.9 of 2 cores at 10,500/s; queue depth stayed below 40.",
                recommendation="A third core raises the limit to about 15,000/s.",
            )
        ],
    )


def all_examples() -> Sequence[RunResult]:
    """Return every example, oldest first."""
    return [good(), bad(), invalid(), breakpoint_search()]


def _steps() -> Table:
    """Return the rates a search tried."""
    rates = [1000, 2000, 4000, 8000, 16000, 12000, 10000, 11000, 10500, 12000, 10500, 11000]
    rows: list[list[str | float | int | None]] = []
    for number, rate in enumerate(rates):
        over = max(0.0, rate / 10_700 - 1)
        rows.append(
            [
                1 if number < 9 else 2,
                rate,
                rate if not over else round(10_700 * (1 - over / 4)),
                rate if not over else round(10_600 * (1 - over / 3)),
                round(2 + 18 * (rate / 10_700) ** 4 + 3000 * over, 2),
                round(4 + 22 * (rate / 10_700) ** 4 + 9000 * over, 2),
                round(rate / 300),
                "kept" if not over else "submission p99 over 100 ms",
            ]
        )
    return Table(
        name="steps",
        title="Steps of the search",
        columns=[
            "Search",
            "Offered/s",
            "Accepted/s",
            "Delivered/s",
            "Submission p99 ms",
            "End to end p95 ms",
            "Generator CPU %",
            "Promises",
        ],
        rows=rows,
    )
