"""The curve of a rising load: where latency turns up, and what is left beyond capacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sureshot_lab.errors import LabError

FEWEST = 4
BENT = 0.15
"""How far the curve must lie below its chord, both axes scaled to 1, to have a knee."""
RISE = 2.0
"""How many times its least value p95 must reach: below that nothing has bent up."""
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


def goodput_kept(points: Sequence[LoadPoint]) -> float | None:
    """Return the least share of its best goodput that the service kept where it was overloaded.

    Overloaded is a step that offered more than the best goodput of all steps; None when
    none did: such a load says nothing about overload.
    """
    best = max((point.goodput_per_s for point in points), default=0.0)
    beyond = [one.goodput_per_s for one in points if one.offered_per_s > BEYOND * best]
    return min(beyond) / best if beyond and best else None
