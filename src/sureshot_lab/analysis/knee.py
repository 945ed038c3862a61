"""The curve of a rising load: where latency turns up, and what is left beyond capacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sureshot_lab.analysis.wording import number, percent, told
from sureshot_lab.errors import LabError

FEWEST = 4
BENT = 0.15
"""How far the curve must lie below its chord, both axes scaled to 1, to have a knee."""
RISE = 2.0
"""How many times its least value p95 must reach: below that nothing has bent up."""
GRACEFUL = 0.90
BEYOND = 1.05
"""A load that is so many times the best goodput of all is one that can't be followed."""


@dataclass(frozen=True)
class LoadPoint:
    """One step of a load: rates a second, p95 in seconds."""

    offered_per_s: float
    p95_s: float
    goodput_per_s: float


@dataclass(frozen=True)
class Knee:
    """The last load before latency turns up. ``sharpness``: 0 a straight line, 1 a corner."""

    offered_per_s: float
    p95_s: float
    sharpness: float


@dataclass(frozen=True)
class Overload:
    """What goodput comes to beyond capacity.

    ``kept``: by how many times capacity was offered, goodput by capacity; only of loads
    that were in fact reached. ``graceful``: at least 90 % was kept wherever looked.
    """

    capacity_per_s: float
    kept: dict[float, float] = field(default_factory=dict)
    graceful: bool | None = None
    reason: str = ""


def knee(points: Sequence[LoadPoint]) -> Knee | None:
    """Return the knee of p95 over the offered rate, None when latency does not turn up.

    The point farthest below the chord from the first point to the last, both axes scaled
    to 1 (Satopää et al., "Finding a 'Kneedle' in a Haystack", 2011). It depends on how
    far the load was raised: compare knees of the same steps only.

    Raises:
        LabError: fewer than 4 loads that differ.

    """
    ordered = sorted(points, key=lambda point: point.offered_per_s)
    if len({point.offered_per_s for point in ordered}) < FEWEST:
        raise LabError(f"a knee needs {FEWEST} loads or more, not {len(ordered)}")
    latencies = [point.p95_s for point in ordered]
    lowest_s, highest_s = min(latencies), max(latencies)
    if highest_s < RISE * lowest_s:
        return None
    first, last = ordered[0].offered_per_s, ordered[-1].offered_per_s
    below = [
        (point.offered_per_s - first) / (last - first)
        - (point.p95_s - lowest_s) / (highest_s - lowest_s)
        for point in ordered
    ]
    sharpness = max(below)
    if sharpness < BENT:
        return None
    at = ordered[below.index(sharpness)]
    return Knee(at.offered_per_s, at.p95_s, sharpness)


def overload(
    points: Sequence[LoadPoint],
    capacity_per_s: float | None = None,
    multiples: Sequence[float] = (2.0, 3.0),
) -> Overload:
    """Return how much of its capacity the service still does when more is offered.

    *capacity_per_s* is the highest goodput of all points when it is not given. Between
    points goodput is taken as straight; loads beyond the last point are left out.

    Raises:
        LabError: no points, or nothing good in any of them.

    """
    ordered = sorted(points, key=lambda point: point.offered_per_s)
    capacity = capacity_per_s or max((point.goodput_per_s for point in ordered), default=0.0)
    if not capacity:
        raise LabError("there is no goodput in any step: there is no capacity to speak of")
    kept = {}
    for multiple in multiples:
        goodput = _goodput_at(ordered, multiple * capacity)
        if goodput is not None:
            kept[multiple] = goodput / capacity
    if not kept:
        reason = f"no load was far above the capacity of {told(capacity, 'per_s')}"
        return Overload(capacity, reason=reason)
    shares = ", ".join(f"{percent(share)} at {number(n)} times" for n, share in kept.items())
    graceful = min(kept.values()) >= GRACEFUL
    return Overload(
        capacity, kept, graceful, f"of its capacity of {told(capacity, 'per_s')} it does {shares}"
    )


def goodput_kept(points: Sequence[LoadPoint]) -> float | None:
    """Return the least share of its best goodput that the service kept where it was overloaded.

    Overloaded is a step that offered more than the best goodput of all steps; None when
    none did: such a load says nothing about overload.
    """
    best = max((point.goodput_per_s for point in points), default=0.0)
    beyond = [one.goodput_per_s for one in points if one.offered_per_s > BEYOND * best]
    return min(beyond) / best if beyond and best else None


def _goodput_at(ordered: Sequence[LoadPoint], offered_per_s: float) -> float | None:
    for left, right in pairwise(ordered):
        if left.offered_per_s <= offered_per_s <= right.offered_per_s:
            width = right.offered_per_s - left.offered_per_s
            share = (offered_per_s - left.offered_per_s) / width if width else 1.0
            return left.goodput_per_s + share * (right.goodput_per_s - left.goodput_per_s)
    return None
