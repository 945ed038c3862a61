"""The decision: from what is asked of a role, and what a replica can do, to a number and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sureshot.domain.scaling.behaviour import DOWN_AFTER_S, TOLERANCE, tolerated


@dataclass(frozen=True, slots=True)
class Rules:
    """What the deployment's owner wants. ``target``: the share of capacity that is used.

    What waits is to be worked off within ``drain_s``. ``down_after_s``: a role shrinks to
    the most it needed in that time.
    """

    least: int = 1
    most: int = 10
    target: float = 0.8
    drain_s: float = 10.0
    down_after_s: float = DOWN_AFTER_S
    tolerance: float = TOLERANCE


@dataclass(frozen=True, slots=True)
class Need:
    """What is asked of a role now. ``busy``: the share of its CPU a replica uses, if known.

    ``waiting`` webhooks have waited ``oldest_s`` at most; ``capacity_per_s`` is one replica's.
    """

    current: int
    per_s: float
    forecast_per_s: float
    capacity_per_s: float
    waiting: float = 0.0
    oldest_s: float = 0.0
    busy: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """How many replicas, how many that is before rounding, and why.

    ``steady`` is what the rate alone would want: what waits is extra, and soon gone.
    """

    wanted: int
    steady: int
    exactly: float
    reasons: tuple[str, ...]


def decide(need: Need, rules: Rules) -> Decision:
    """Return how many replicas *need* takes by *rules*; the same arguments, the same answer."""
    found = _reasons(need, rules)
    exactly, reason = max(found, key=lambda one: one[0])
    wanted, remark = _rounded(exactly, need.current, rules)
    lasting = max(count for count, _reason in (found[0], *found[2:]))
    steady, _remark = _rounded(lasting, need.current, rules)
    return Decision(wanted, min(steady, wanted), exactly, (reason, *remark))


def _reasons(need: Need, rules: Rules) -> list[tuple[float, str]]:
    """Return for each ground how many replicas it asks for: the rate, what waits, the CPU."""
    capacity_per_s = max(need.capacity_per_s, 1e-9)
    per_s = max(need.per_s, need.forecast_per_s)
    source = "expected" if need.forecast_per_s > need.per_s else "come"
    found = [
        (
            per_s / (capacity_per_s * rules.target),
            f"{per_s:.0f} webhooks a second {source}; a replica does {capacity_per_s:.0f} "
            f"and is used to {rules.target:.0%}",
        ),
        (
            (need.per_s + need.waiting / rules.drain_s) / capacity_per_s,
            f"{need.waiting:.0f} webhooks wait, the oldest {need.oldest_s:.1f} s; beside the "
            f"{need.per_s:.0f} a second that come they are to be done in {rules.drain_s:g} s",
        ),
    ]
    if need.busy is not None:
        found.append(
            (
                need.current * need.busy / rules.target,
                f"a replica's CPU is used to {need.busy:.0%}, {rules.target:.0%} are wanted",
            )
        )
    return found


def _rounded(exactly: float, current: int, rules: Rules) -> tuple[int, tuple[str, ...]]:
    """Return whole replicas within the bounds, and what there is to say of that."""
    wanted, remarks = math.ceil(exactly - 1e-9), []
    if current and wanted != current and tolerated(exactly / current, rules.tolerance):
        remarks.append(f"{exactly:.2f} replicas are within {rules.tolerance:.0%} of {current}")
        wanted = current
    if wanted > rules.most:
        remarks.append(f"{wanted} would be needed, at most {rules.most} are allowed")
    return min(max(wanted, rules.least), rules.most), tuple(remarks)
