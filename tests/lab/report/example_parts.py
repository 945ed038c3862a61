"""What the example results are made of: a machine, distributions, seconds, samples."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sureshot_lab.result import Conditions, Interval, Latency, Sample

STARTED_AT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
KILLED_AT_S, BACK_AT_S = 50, 62
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


def steady_seconds(duration_s: int) -> list[Interval]:
    """Return seconds at 1,000/s after a rise of five."""
    rng = random.Random(7)
    return [
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


def interrupted_seconds() -> list[Interval]:
    """Return seconds at 500/s, with nothing delivered while the worker is down."""
    rng = random.Random(11)
    intervals = []
    for at in range(120):
        down, catching_up = KILLED_AT_S <= at < BACK_AT_S, BACK_AT_S <= at < BACK_AT_S + 15
        failed = rng.randint(90, 160) if down else rng.randint(0, 3) if catching_up else 0
        slow = 40.0 if down else 8.0 if catching_up else 1.0
        accepted = 500 - failed - (30 if down else 0)
        intervals.append(
            Interval(
                at_s=float(at),
                intended=500,
                sent=470 if down else 500,
                succeeded=accepted,
                failed=failed,
                dropped=30 if down else 0,
                in_flight=rng.randint(1, 4) * (30 if down else 1),
                delivered=0 if down else accepted + (rng.randint(250, 400) if catching_up else 0),
                p50_s=0.0007 * rng.uniform(0.9, 1.1) * (3 if down else 1),
                p95_s=0.0016 * rng.uniform(0.9, 1.2) * slow,
                p99_s=0.0041 * rng.uniform(0.8, 1.4) * slow,
            )
        )
    return intervals


def work_around_a_kill(at_s: float) -> float:
    """Return how busy the service is, as a multiple of a quiet second."""
    if KILLED_AT_S <= at_s < BACK_AT_S:
        return 0.3
    return 2.2 if BACK_AT_S <= at_s < BACK_AT_S + 15 else 1.2


def depth_around_a_kill(at_s: float) -> float:
    """Return how many webhooks wait."""
    if at_s < KILLED_AT_S:
        return 0.0
    if at_s < BACK_AT_S:
        return 451.0 * (at_s - KILLED_AT_S)
    return max(0.0, 5412.0 - 361 * (at_s - BACK_AT_S))


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
