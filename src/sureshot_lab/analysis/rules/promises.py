"""Which promises were broken, or nearly, and what would keep them."""

from __future__ import annotations

from collections.abc import Iterator

from sureshot_lab.analysis.rules.finding import Rule, Severity, finding
from sureshot_lab.analysis.wording import change, number, percent, told
from sureshot_lab.result import Finding, Gate, RunResult

NEAR = 0.10
ADVICE = {
    "throughput_per_min": "Find what was full first (below), then add workers or replicas.",
    "queue_latency_p99_s": "Add workers, or look for a lane that a slow endpoint holds up.",
    "end_to_end_p95_s": "See below which part of it is largest: queue, attempt, or retries.",
    "submission_p99_s": "Look at the store's commit time and at stalls; a p99 far above the "
    "median is stalls, a high median is too much work a request.",
    "success_share": "See below how the failures ended: 429 and 503 are limits at work, other "
    "5xx are faults.",
    "lost": "An accepted webhook must arrive: keep the run's folder and the store, and do not "
    "release.",
    "duplicate_share": "Look for leases that run out under load: the lease must outlast the "
    "slowest attempt.",
    "bad_signatures": "Compare the endpoint's secret with the sink's; nothing else changes a "
    "signature.",
    "service_cpu_share": "Add processes before CPU is full: waiting grows steeply above the "
    "target.",
    "service_rss_max_bytes": "See below whether it grows with time (a leak) or with the backlog "
    "(a bound to set).",
    "database_connections_max": "Lower the pool of each process, or raise the database's limit.",
    "queue_depth_max": "Add workers, or have the senders slow down.",
}
"""What to do about a metric that missed its limit."""


def broken_promises(result: RunResult) -> Iterator[Finding]:
    """Tell every gate that was missed, and by how much."""
    for gate in result.gates:
        if gate.passed is False and gate.value is not None:
            yield finding(
                Severity.CRITICAL,
                f"{gate.title or gate.name}: promise broken",
                f"{_measured(gate)}{_by_how_much(gate)}.",
                ADVICE.get(gate.metric, "See below what limits it."),
            )


def little_headroom(result: RunResult) -> Iterator[Finding]:
    """Tell gates that hold by less than a tenth: the next run may miss them."""
    for gate in result.gates:
        if not gate.passed or gate.value is None or not gate.limit or gate.unit == "share":
            continue
        margin = abs(gate.value / gate.limit - 1)
        if margin < NEAR and gate.comparison != "==":
            yield finding(
                Severity.WARNING,
                f"{gate.title or gate.name}: hardly kept",
                f"{_measured(gate)}, {percent(margin)} from the limit.",
                "Take it as kept only when several repetitions keep it.",
            )


def capacity_found(result: RunResult) -> Iterator[Finding]:
    """Tell what a search found, beside the rate that is promised."""
    metrics = result.metrics
    capacity = metrics.get("capacity_per_s")
    if capacity is None:
        return
    low, high = metrics.get("capacity_low_per_s"), metrics.get("capacity_high_per_s")
    between = f", between {number(low)} and {number(high)} in its searches" if low and high else ""
    promised = next((g.limit / 60 for g in result.gates if g.metric == "throughput_per_min"), None)
    against = ""
    if promised:
        against = (
            f" That is {number(capacity / promised)} times the {told(promised, 'per_s')} promised."
        )
    yield finding(
        Severity.NOTE,
        f"Every promise is kept up to {told(capacity, 'per_s')}",
        f"The highest rate that kept them{between}.{against}",
        f"Plan for {told(0.7 * capacity, 'per_s')} at most: above 70 % of capacity waiting grows "
        f"steeply.",
    )


def _measured(gate: Gate) -> str:
    assert gate.value is not None  # noqa: S101 - the callers asked
    return f"{told(gate.value, gate.unit)}, to be {gate.comparison} {told(gate.limit, gate.unit)}"


def _by_how_much(gate: Gate) -> str:
    if not gate.limit or gate.value is None or gate.unit == "share":
        return ""
    return f": {change(gate.value / gate.limit - 1)} from the limit"


RULES: tuple[Rule, ...] = (broken_promises, little_headroom, capacity_found)
