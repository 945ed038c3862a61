"""The load every step of a series is offered: more than the most replicas can do."""

from __future__ import annotations

from collections.abc import Sequence

from sureshot_lab.errors import LabError
from sureshot_lab.scenario import Scenario, load_scenario

RECEIVER_S = 0.1
"""So long each receiver takes: workers wait, and not the CPU but their slots are the limit."""
SLOTS = 5
"""Webhooks a worker delivers at once: 50/s with receivers of 100 ms."""
MORE = 1.2
"""So many times what the most replicas can do is offered, or the load would set the rate."""
WARM_UP_S = 2.0
NONE_WAITS = {"metric": "pending", "comparison": "==", "limit": 0, "title": "Still waiting"}
"""A gate of what must have arrived in the end."""
MOST_REPLICAS = 1000


def counts_of(option: str, text: str, low: int, high: int) -> list[int]:
    """Return ``10000,100000`` as numbers, in rising order.

    Raises:
        LabError: something that is no count between *low* and *high*, or one twice.

    """
    wrong = f"{option} {text}: must be different counts from {low:,} to {high:,}, with commas"
    try:
        counts = sorted(int(part) for part in text.split(","))
    except ValueError:
        raise LabError(wrong) from None
    if counts[0] < low or counts[-1] > high or len(set(counts)) != len(counts):
        raise LabError(wrong)
    return counts


def replica_counts(text: str) -> list[int]:
    """Return ``1,3,5`` as numbers, in rising order. Raises ``LabError`` as ``counts_of``."""
    return counts_of("--replicas", text, 1, MOST_REPLICAS)


def offered_rate_per_s(counts: Sequence[int], slots: int = SLOTS) -> float:
    """Return the rate for every step, by the slots of the largest."""
    return MORE * max(counts) * slots / RECEIVER_S


def own_scenario(
    replicas: int, rate_per_s: float, seconds: float, profile: str = "postgres", slots: int = SLOTS
) -> Scenario:
    """Return the step with a service of the run's own of so many workers.

    Raises:
        LabError: a profile whose processes cannot be more than one.

    """
    if profile not in {"cluster", "postgres"}:
        raise LabError(f"--profile {profile}: only cluster and postgres have replicas")
    return _scenario(replicas, rate_per_s, seconds, {
        "service.profile": profile,
        "service.workers": replicas,
        "service.settings.max_in_flight": slots,
        "service.settings.drain_s": 2,
        # What a small deployment leaves undone is not waited for: the rate is the result.
        "drain_s": 1.0,
    })  # fmt: skip


def foreign_scenario(replicas: int, rate_per_s: float, seconds: float) -> Scenario:
    """Return the step against a deployment that runs elsewhere, whatever its limits are."""
    return _scenario(replicas, rate_per_s, seconds, {"drain_s": 120.0})


def _scenario(
    replicas: int, rate_per_s: float, seconds: float, changes: dict[str, object]
) -> Scenario:
    every = {
        "title": f"Scale: {replicas} replicas, {rate_per_s:.0f}/s",
        "load.stages": [[seconds, rate_per_s, rate_per_s]],
        "load.warm_up_s": WARM_UP_S,
        "endpoints.count": 20,
        "endpoints.zipf": 0.0,
        "sink.behaviour": [{"share": 1.0, "delay_s": RECEIVER_S}],
        "gates.targets": [],
    }
    return load_scenario("smoke", changes={**every, **changes})
