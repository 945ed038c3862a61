"""The decision: from what is asked of a role, and what a replica can do, to a number and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sureshot.domain.scaling.behaviour import DOWN_AFTER_S, TOLERANCE

UP_TOLERANCE = 0.05
"""Upwards half of Kubernetes's: near full use a queue forms that nobody sees in an average."""
NOTHING_PER_S = 1e-9


@dataclass(frozen=True, slots=True)
class Rules:
    """What the deployment's owner wants. ``target``: the share of capacity to be used.

    What waits is to be worked off within ``drain_s``. ``down_after_s``: a role shrinks to
    the most it needed in that time. A difference within the tolerance changes nothing.
    """

    least: int = 1
    most: int = 10
    target: float = 0.85
    drain_s: float = 10.0
    down_after_s: float = DOWN_AFTER_S
    up_tolerance: float = UP_TOLERANCE
    down_tolerance: float = TOLERANCE


@dataclass(frozen=True, slots=True)
class Need:
    """What is asked of a role of *current* replicas; ``capacity_per_s`` is what one can do.

    ``waiting`` webhooks wait for it, for ``wait_s`` at the rate they are taken now. ``cpu``:
    the share of a core a replica uses, None when nobody knows, or where the capacity alone
    tells of it.
    """

    current: int
    per_s: float
    forecast_per_s: float
    capacity_per_s: float
    waiting: float = 0.0
    wait_s: float = 0.0
    cpu: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """How many replicas, how many that is before rounding, and why.

    ``lasting`` is what the rate alone asks for: forecasts and what waits soon pass.
    """

    wanted: int
    lasting: int
    exactly: float
    reasons: tuple[str, ...]


def decide(need: Need, rules: Rules) -> Decision:
    """Return how many replicas *need* takes by *rules*; the same arguments, the same answer."""
    capacity_per_s = max(need.capacity_per_s, NOTHING_PER_S)
    for_rate = need.per_s / capacity_per_s / rules.target
    for_forecast = need.forecast_per_s / capacity_per_s / rules.target
    for_waiting = (need.per_s + need.waiting / rules.drain_s) / capacity_per_s
    for_cpu = need.current * (need.cpu or 0.0) / rules.target
    exactly = max(for_rate, for_forecast, for_waiting, for_cpu)
    if exactly == for_rate:
        reason = _rate_reason(need.per_s, "come", need, rules)
    elif exactly == for_forecast:
        reason = _rate_reason(need.forecast_per_s, "are expected", need, rules)
    elif exactly == for_waiting:
        reason = (
            f"{need.waiting:.0f} webhooks wait, {need.wait_s:.1f} s at this pace; beside the "
            f"{need.per_s:.0f} a second that come they are to be done in {rules.drain_s:g} s"
        )
    else:
        reason = f"CPU is used to {need.cpu or 0:.0%} of a core, {rules.target:.0%} is the target"
    wanted, remarks = _whole(exactly, need.current, rules)
    lasting, _remarks = _whole(max(for_rate, for_cpu), need.current, rules)
    return Decision(wanted, min(lasting, wanted), exactly, (reason, *remarks))


def _rate_reason(per_s: float, verb: str, need: Need, rules: Rules) -> str:
    return (
        f"{per_s:.0f} webhooks a second {verb}; a replica does {need.capacity_per_s:.0f}, "
        f"of which {rules.target:.0%} is the target"
    )


def _whole(exactly: float, current: int, rules: Rules) -> tuple[int, tuple[str, ...]]:
    """Return whole replicas within the bounds, and what there is to say of that."""
    wanted = math.ceil(exactly - NOTHING_PER_S)
    low, high = current * (1 - rules.down_tolerance), current * (1 + rules.up_tolerance)
    remarks: tuple[str, ...] = ()
    if wanted != current and low <= exactly <= high:
        remarks = (f"{exactly:.2f} is too near to {current} to change anything",)
        wanted = current
    if wanted > rules.most:
        remarks = (f"{wanted} would be needed, at most {rules.most} are allowed",)
    return min(max(wanted, rules.least), rules.most), remarks
