"""What a load came to, put together from the three who saw it: generator, sink, sampler."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from hdrh.histogram import HdrHistogram

from sureshot_lab.analysis.estimate import Estimate
from sureshot_lab.analysis.percentiles import counts_of, percentile_of_counts
from sureshot_lab.load.offer import Offered
from sureshot_lab.result import Interval, Latency
from sureshot_lab.scenario import Stage
from sureshot_lab.sink.reconciliation import Reconciliation
from sureshot_lab.sink.sink_result import SinkResult

SPECTRUM = [
    0, 10, 20, 30, 40, 50, 55, 60, 65, 70, 75, 80, 85, 87.5, 90, 92.5, 95, 96, 97, 98, 98.5, 99,
    99.25, 99.5, 99.75, 99.9, 99.95, 99.99, 99.995, 99.999, 100,
]  # fmt: skip
BOUNDED = (50, 95, 99)
"""The percentiles that are told with the interval they lie in."""
LATE_S = 1.0
"""What arrives so long after the load's end still counts to its throughput."""


@dataclass(frozen=True)
class Measured:
    """A load as figures: entries of a run's ``metrics``, its latencies and its seconds."""

    metrics: dict[str, float]
    latencies: dict[str, Latency]
    intervals: list[Interval]


def measure(
    offered: Offered, received: SinkResult, found: Reconciliation, lasted_s: float
) -> Measured:
    """Put the client's side and the receivers' side together; the load *lasted_s*."""
    latencies = {
        "submission": bounded_latency_of(offered.latencies_us),
        "submission_service": bounded_latency_of(offered.service_us),
        "refused": bounded_latency_of(offered.refused_us),
        "end_to_end": bounded_latency_of(received.latencies_us),
        "until_success": bounded_latency_of(received.until_success_us),
    }
    known = {name: latency for name, latency in latencies.items() if latency is not None}
    metrics = _counts(offered, lasted_s) | _arrivals(offered, received, found, lasted_s)
    for name, latency in known.items():
        metrics |= percentiles_of(name, latency)
    lag = latency_of(offered.lags_us)
    if lag is not None:
        metrics |= {"generator_lag_p99_s": lag.p99_s, "generator_lag_max_s": lag.max_s}
    return Measured(metrics, known, _merged(offered, received))


def latency_of(histogram_us: HdrHistogram) -> Latency | None:
    """Return the distribution in *histogram_us*, or None when nothing is in it."""
    count = histogram_us.get_total_count()
    if not count:
        return None

    def at(percentile: float) -> float:
        return float(histogram_us.get_value_at_percentile(percentile)) / 1e6

    encoded = histogram_us.encode()
    return Latency(
        count=count,
        mean_s=histogram_us.get_mean_value() / 1e6,
        p50_s=at(50),
        p90_s=at(90),
        p95_s=at(95),
        p99_s=at(99),
        p999_s=at(99.9),
        max_s=histogram_us.get_max_value() / 1e6,
        spectrum=[(percentile, at(percentile)) for percentile in SPECTRUM],
        hdr=encoded.decode() if isinstance(encoded, bytes) else str(encoded),
    )


def bounded_latency_of(histogram_us: HdrHistogram) -> Latency | None:
    """Return the same with the intervals of its percentiles; dear, so not while load is offered."""
    latency = latency_of(histogram_us)
    if latency is None:
        return None
    counts = counts_of(histogram_us)
    intervals = {
        f"p{percent}": _bounds_s(percentile_of_counts(counts, percent)) for percent in BOUNDED
    }
    return msgspec.structs.replace(latency, intervals=intervals)


def _bounds_s(estimate_us: Estimate) -> tuple[float | None, float | None]:
    low_us, high_us = estimate_us.low, estimate_us.high
    return (
        low_us / 1e6 if math.isfinite(low_us) else None,
        high_us / 1e6 if math.isfinite(high_us) else None,
    )


def duration_s(offered: Offered, stages: Sequence[Stage]) -> float:
    """Return how long load was offered: as planned, or until it was stopped, in seconds."""
    planned_s = sum(seconds for seconds, _start, _end in stages)
    return min(planned_s, offered.wall_s) if offered.stopped_early else planned_s


def _counts(offered: Offered, lasted_s: float) -> dict[str, float]:
    in_time = sum(second.sent for second in offered.intervals if second.at_s < lasted_s)
    return {
        "duration_s": lasted_s,
        "requests": offered.sent,
        "accepted": offered.accepted,
        "failed_requests": offered.failed,
        "dropped_requests": offered.dropped,
        "offered_per_s": _rate(offered.intended, lasted_s),
        "achieved_per_s": _rate(in_time, lasted_s),
        "accepted_per_s": _rate(offered.accepted, lasted_s),
        "submission_success_share": offered.accepted / offered.sent if offered.sent else 0.0,
        "generator_cpu_share": max(offered.cpu_shares, default=0.0),
    }


def _rate(count: float, lasted_s: float) -> float:
    """Return how many a second; nothing, in a run that was stopped before its load began."""
    return count / lasted_s if lasted_s else 0.0


def _arrivals(
    offered: Offered, received: SinkResult, found: Reconciliation, lasted_s: float
) -> dict[str, float]:
    end_s = offered.started_at_s + lasted_s + LATE_S
    in_time = sum(second.delivered for second in received.seconds if second.at_s < end_s)
    return {
        "delivered": found.delivered,
        "delivered_per_s": _rate(in_time, lasted_s),
        "throughput_per_min": 60 * _rate(min(in_time, offered.accepted), lasted_s),
        "success_share": found.delivered / offered.sent if offered.sent else 0.0,
        "delivered_share": found.delivered / found.accepted if found.accepted else 0.0,
        "lost": float(len(found.lost)),
        "undelivered": float(len(found.undelivered)),
        "duplicates": float(received.duplicates),
        "duplicate_share": received.duplicates / max(1, found.delivered),
        "retries": float(received.retries),
        "bad_signatures": float(received.bad_signatures),
        "unverified": float(received.unverified),
        "sink_in_flight_max": float(received.in_flight_max),
    }


def percentiles_of(name: str, latency: Latency) -> dict[str, float]:
    """Return entries of a run's ``metrics``: ``<name>_p50_s`` and so on."""
    return {
        f"{name}_p50_s": latency.p50_s,
        f"{name}_p95_s": latency.p95_s,
        f"{name}_p99_s": latency.p99_s,
        f"{name}_max_s": latency.max_s,
    }


def _merged(offered: Offered, received: SinkResult) -> list[Interval]:
    """Return the load's seconds with what arrived in each, and the seconds after it."""
    arrived: dict[int, int] = {}
    for second in received.seconds:
        number = math.floor(second.at_s - offered.started_at_s + 0.5)
        arrived[number] = arrived.get(number, 0) + second.delivered
    merged = [
        msgspec.structs.replace(one, delivered=arrived.pop(round(one.at_s), 0))
        for one in offered.intervals
    ]
    after = round(merged[-1].at_s) + 1 if merged else 0
    late = range(after, max([number for number in arrived if number >= after], default=-1) + 1)
    return merged + [
        Interval(
            at_s=float(n), intended=0, sent=0, succeeded=0, failed=0, delivered=arrived.get(n, 0)
        )
        for n in late
    ]
