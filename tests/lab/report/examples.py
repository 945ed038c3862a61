"""Results as the laboratory writes them: a good run, a bad one, an invalid one, a search."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from sureshot_lab.result import (
    Conditions,
    ErrorCount,
    Event,
    Finding,
    Gate,
    Interval,
    Latency,
    Phase,
    RunResult,
    Sample,
    Table,
    Verdict,
)
from sureshot_lab.targets import hold, load_targets

STARTED_AT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
MACHINE: dict[str, str | int | float] = {
    "cpu": "AMD EPYC 9R14",
    "cores": 2,
    "memory_bytes": 8_221_097_984,
    "kernel": "6.18.5",
    "python": "3.11.7",
    "fingerprint": "5f0c9a1e77b2",
}
SERVICE = {
    "version": "0.1.0",
    "profile": "embedded",
    "store": "sqlite",
    "queue": "memory",
    "durability": "synchronous=FULL",
    "url": "http://127.0.0.1:8080",
    "settings": {"max_in_flight": 1000, "workers": 1},
}
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


def latency(count: int, median_s: float, spread: float, most_s: float) -> Latency:
    """Return a log-normal distribution cut off at *most_s*, as an exact spectrum."""

    def at(percentile: float) -> float:
        if percentile <= 0:
            return median_s / 4
        deviation = _normal_quantile(percentile / 100)
        # Nothing is faster than the work itself: only the slow side has a long tail.
        return min(most_s, max(median_s / 4, median_s * math.exp(spread * deviation)))

    spectrum, remaining = [(0.0, at(0.0))], 1.0
    while remaining > 1 / count:
        remaining /= 1.12
        spectrum.append((100 * (1 - remaining), at(100 * (1 - remaining))))
    spectrum.append((100.0, most_s))
    return Latency(
        count=count,
        mean_s=median_s * math.exp(spread**2 / 2),
        p50_s=at(50),
        p90_s=at(90),
        p95_s=at(95),
        p99_s=at(99),
        p999_s=at(99.9),
        max_s=most_s,
        spectrum=spectrum,
    )


def conditions(scenario: str, duration_s: float, **changes: object) -> Conditions:
    """Return the circumstances of a run on the one machine all examples come from."""
    told: dict[str, object] = {
        "started_at": STARTED_AT,
        "finished_at": STARTED_AT + timedelta(seconds=duration_s),
        "scenario": scenario,
        "size": "full",
        "engine": "own",
        "environment": "local",
        "target": "own service, embedded",
        "seed": 42,
        "revision": "106bcc6a90f1",
        "lab_version": "0.1.0",
        "machine": MACHINE,
        "service": SERVICE,
        "tools": {"wrk": "4.1.0", "nginx": "1.22.1"},
        "options": {
            "load": {"stages": [[60, 1000, 1000]], "model": "open", "warm_up_s": 5.0},
            "faults": [],
        },
    }
    return Conditions(**{**told, **changes})  # type: ignore[arg-type]


def good(duration_s: int = 60, run_id: str = "20260314-092653-steady") -> RunResult:
    """Return a run at 1,000 a second that keeps everything."""
    rng = random.Random(7)
    intervals = [
        Interval(
            at_s=float(at),
            intended=1000 if at >= 5 else 200 * (at + 1),
            sent=1000 if at >= 5 else 200 * (at + 1),
            succeeded=1000 if at >= 5 else 200 * (at + 1),
            failed=0,
            in_flight=rng.randint(1, 6),
            delivered=(1000 if at >= 5 else 200 * (at + 1)) + rng.randint(-3, 3),
            p50_s=0.00062 * rng.uniform(0.95, 1.05),
            p95_s=0.0014 * rng.uniform(0.9, 1.2),
            p99_s=0.0029 * rng.uniform(0.8, 1.5),
        )
        for at in range(duration_s)
    ]
    metrics = {
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
        intervals=intervals,
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
    duration_s, killed_at, back_at = 120, 50, 62
    rng = random.Random(11)
    intervals, backlog = [], 0
    for at in range(duration_s):
        down = killed_at <= at < back_at
        catching_up = back_at <= at < back_at + 15
        failed = rng.randint(90, 160) if down else rng.randint(0, 3) if catching_up else 0
        slow = 40.0 if down else 8.0 if catching_up else 1.0
        accepted = 500 - failed
        delivered = 0 if down else accepted + (rng.randint(250, 400) if catching_up else 0)
        backlog = max(0, backlog + accepted - delivered)
        intervals.append(
            Interval(
                at_s=float(at),
                intended=500,
                sent=500 if not down else 470,
                succeeded=accepted if not down else accepted - 30,
                failed=failed,
                dropped=30 if down else 0,
                in_flight=rng.randint(1, 4) * (30 if down else 1),
                delivered=delivered,
                p50_s=0.0007 * rng.uniform(0.9, 1.1) * (3 if down else 1),
                p95_s=0.0016 * rng.uniform(0.9, 1.2) * slow,
                p99_s=0.0041 * rng.uniform(0.8, 1.4) * slow,
            )
        )
    metrics = {
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
    }
    names = [*ALL_TARGETS, "queue-depth"]
    own = Gate(
        name="recovery-s",
        metric="recovery_s",
        comparison="<",
        limit=10.0,
        unit="s",
        source="scenario",
        title="Recovery after the kill",
    )
    gates = [*(load_targets().gate(name) for name in names), own]
    return RunResult(
        id="20260314-101500-kill-worker",
        scenario="kill-worker",
        title="A worker is killed under load",
        verdict=Verdict.FAIL,
        reasons=[
            "API request latency (p99) is 183 ms, not < 100 ms",
            "Delivery latency (p95) is 11.4 s, not < 500 ms",
            "Queue latency (p99) is 21.2 ms, not < 10 ms",
            "Success rate is 97.465 %, not > 99.9 %",
            "CPU per pod is 74 %, not < 70 %; Queue depth is 5,412, not < 1,000",
            "Recovery after the kill took 27.0 s, not < 10 s",
        ],
        gates=hold(gates, {**metrics, "recovery_s": 27.0}),
        conditions=conditions(
            "kill-worker",
            150,
            started_at=STARTED_AT + timedelta(hours=1),
            finished_at=STARTED_AT + timedelta(hours=1, seconds=150),
            target="own service, cluster",
            service={**SERVICE, "profile": "cluster", "store": "postgres", "queue": "rabbitmq"},
        ),
        metrics={**metrics, "recovery_s": 27.0},
        latencies={
            "submission": latency(57_768, 0.0009, 1.6, 4.1),
            "end_to_end": latency(57_768, 0.004, 2.2, 28.4),
        },
        intervals=intervals,
        samples=samples(
            duration_s,
            lambda at: 0.3 if killed_at <= at < back_at else 2.2 if back_at <= at < 77 else 1.2,
            depth=lambda at: (
                max(0.0, 500.0 * (min(at, back_at) - killed_at))
                if killed_at <= at < back_at
                else max(0.0, 5412.0 - 361 * (at - back_at)) * (at >= back_at)
            ),
        ),
        phases=[
            Phase(name="warm-up", start_s=0, end_s=3),
            Phase(name="before", start_s=3, end_s=killed_at),
            Phase(name="fault", start_s=killed_at, end_s=back_at),
            Phase(name="after", start_s=back_at, end_s=duration_s),
        ],
        events=[
            Event(at_s=float(killed_at), what="SIGKILL of worker 1 (process 4711)"),
            Event(at_s=52.5, what="worker 1 started again by its supervisor"),
            Event(
                at_s=float(back_at), what="worker 1 ready, leases of the dead process taken over"
            ),
        ],
        errors=[
            ErrorCount(what="status 503", count=1_204, first_at_s=50.2),
            ErrorCount(what="timeout", count=211, first_at_s=51.0),
            ErrorCount(what="connection reset by peer", count=97, first_at_s=50.0),
        ],
        findings=[
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
        ],
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
    metrics = {
        "capacity_per_s": 10_500.0,
        "capacity_low_per_s": 10_120.0,
        "capacity_high_per_s": 10_890.0,
        "throughput_per_min": 630_000.0,
        "success_share": 0.99998,
        "lost": 0.0,
        "service_cpu_us_per_webhook": 81.1,
    }
    own = Gate(
        name="capacity-per-s",
        metric="capacity_per_s",
        comparison=">=",
        limit=10_000.0,
        unit="per_s",
        source="scenario",
        title="Highest rate that keeps the promises",
    )
    gates = [own, *(load_targets().gate(name) for name in ("throughput", "success-rate", "lost"))]
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
        tables=[
            Table(
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
        ],
        findings=[
            Finding(
                severity="info",
                what="The processor is what gives out first",
                evidence="1.9 of 2 cores at 10,500/s; queue depth stayed below 40.",
                recommendation="A third core raises the limit to about 15,000/s.",
            )
        ],
    )


def samples(
    duration_s: int,
    work: Callable[[float], float],
    depth: Callable[[float], float] = lambda _at: 4.0,
) -> list[Sample]:
    """Return one sample a second: *work* scales the CPU, *depth* is how many webhooks wait."""
    rng = random.Random(3)
    return [
        Sample(
            at_s=at + 0.5,
            values={
                "service.cpu_cores": min(2.0, 0.62 * work(at) * rng.uniform(0.93, 1.07)),
                "generator.cpu_cores": 0.24 * rng.uniform(0.93, 1.07),
                "sink.cpu_cores": 0.12 * work(at) * rng.uniform(0.93, 1.07),
                "service.rss_bytes": 71e6 + 14e6 * (1 - math.exp(-at / 15)) + 4000 * depth(at),
                "generator.rss_bytes": 48e6,
                "service.fds": 96 + rng.randint(0, 9),
                "host.cpu_share": min(1.0, 0.52 * work(at) * rng.uniform(0.95, 1.05)),
                "host.steal_share": rng.uniform(0, 0.02),
                "metrics.queue_depth": depth(at) + rng.randint(0, 3),
                "metrics.backlog": 1.1 * depth(at) + rng.randint(2, 9),
                "metrics.in_flight": float(rng.randint(1, 9)),
                "metrics.cpu_cores": 0.6,
                "metrics.queue_latency_p50_s": 0.0003 * work(at) * rng.uniform(0.9, 1.1),
                "metrics.queue_latency_p99_s": 0.002 * work(at) * rng.uniform(0.8, 1.3),
                "sqlite.wal_bytes": 4e6 + 1e6 * rng.random(),
            },
        )
        for at in range(duration_s)
    ]


def all_examples() -> Sequence[RunResult]:
    """Return every example, oldest first."""
    return [good(), bad(), invalid(), breakpoint_search()]


def _normal_quantile(share: float) -> float:
    """Return the standard normal's quantile by bisection of its distribution."""
    low, high = -8.0, 8.0
    for _step in range(60):
        middle = (low + high) / 2
        if 0.5 * math.erfc(-middle / math.sqrt(2)) < share:
            low = middle
        else:
            high = middle
    return low
