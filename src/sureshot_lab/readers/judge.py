"""A reading held against the targets: met, missed, or not shown by this run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sureshot_lab.readers.reading import Reading
from sureshot_lab.result import Gate
from sureshot_lab.targets import Targets, hold, load_targets

THROUGHPUT = "throughput"


class State(StrEnum):
    """What a run says about one target."""

    MET = "met"
    MISSED = "MISSED"
    NOT_OFFERED = "not offered"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Judged:
    """One target and what the run says of it; the value is in ``gate``."""

    gate: Gate
    state: State


ADVICE = {
    "throughput": "arrivals failed or were dropped below the promised rate: find what is at its "
    "limit first (CPU of the service, store, sink, this generator), then add workers or replicas",
    "queue-latency": "webhooks wait before a worker takes them: add workers, or look for a lane "
    "that is held up by a slow endpoint",
    "delivery-latency": "see which part is slow: queue latency, the attempt, or retries; a slow "
    "sink is not the service's doing",
    "api-latency": "look at the store's commit time and at the CPU of the API process; compare "
    "p50 with p99: a far p99 is stalls, a high p50 is too much work a request",
    "success-rate": "count the failures by status: 429 and 503 are limits at work, 5xx are "
    "faults, refused or reset connections are a process that went away",
    "lost": "an accepted webhook must arrive: keep the store and its logs, and do not release",
    "duplicates": "deliveries are repeated after success: look for leases that run out under load",
    "bad-signatures": "compare the endpoint's secret and the signed bytes; nothing else changes it",
    "cpu": "add replicas before CPU is at its limit; latency grows steeply above the target",
    "memory": "see whether it grows with time (a leak) or with the backlog (a bound to set)",
    "database-connections": "lower the pool size of each process, or raise the database's limit",
    "queue-depth": "webhooks come faster than they are delivered: add workers, or slow the senders",
}
"""What to look at when a target is missed."""


def judge(reading: Reading, targets: Targets | None = None) -> list[Judged]:
    """Return every target that applies to *reading*, in the order of targets.toml."""
    known = targets or load_targets()
    names = [target.name for target in known.target] + [r.name for r in known.resource]
    if reading.held_to is not None:
        names = [name for name in names if name in reading.held_to]
    gates = hold([known.gate(name) for name in names], reading.metrics)
    return [Judged(gate, _state(gate, reading)) for gate in gates]


def missed(reading: Reading, judged: list[Judged]) -> bool:
    """Whether the run fails: a target missed, a threshold not held, or arrivals dropped."""
    return (
        any(item.state is State.MISSED for item in judged)
        or not all(reading.thresholds.values())
        or reading.dropped > 0
    )


def recommendations(reading: Reading, judged: list[Judged]) -> list[str]:
    """Return one sentence for each thing that is not as it should be."""
    told = [
        f"{item.gate.title}: {ADVICE.get(item.gate.name, 'look at what limits it')}."
        for item in judged
        if item.state is State.MISSED
    ]
    if reading.dropped:
        told.append(
            f"{reading.dropped} arrivals were dropped for want of virtual users: the latencies "
            "are better than the truth. Give the generator more, or a machine of its own."
        )
    if reading.success_share == 0:
        told.append("Not one request succeeded: check the address and the tokens first.")
    if any(item.state is State.NOT_OFFERED for item in judged):
        told.append(
            "The load was below the promised rate, so the run does not show whether the service "
            "keeps it. Raise the rate for that."
        )
    return told


def _state(gate: Gate, reading: Reading) -> State:
    if gate.passed is None:
        return State.NOT_MEASURED
    if gate.passed:
        return State.MET
    if gate.name == THROUGHPUT and _kept_up(reading, gate.limit):
        return State.NOT_OFFERED
    return State.MISSED


def _kept_up(reading: Reading, limit_per_min: float) -> bool:
    """Whether less than the limit was asked for, and all of it was done."""
    offered_per_s = reading.metrics.get("offered_per_s", reading.rate_per_s or 0.0)
    success = reading.metrics.get("submission_success_share", reading.success_share)
    below = 60 * offered_per_s < limit_per_min
    return below and not reading.dropped and (success is None or success > 0.999)
