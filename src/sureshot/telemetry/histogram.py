"""A histogram cheap enough for the hot path: one bisection, one list item."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

LATENCY_EDGES_S = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)
"""Seconds; 1 ms to 60 s with an edge at the 10 ms target."""

BATCH_EDGES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class Histogram:
    """Counts of observations by upper edge, with their sum; not thread-safe."""

    __slots__ = ("counts", "edges", "total")

    def __init__(self, edges: Sequence[float] = LATENCY_EDGES_S) -> None:
        self.edges = tuple(edges)
        self.counts = [0] * (len(edges) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Add *value*, *times* over."""
        self.counts[bisect_left(self.edges, value)] += times
        self.total += value * times

    @property
    def count(self) -> int:
        """How many values were observed."""
        return sum(self.counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """Return ``(le, count of values at or below it)`` pairs as Prometheus wants them."""
        pairs, running = [], 0
        for edge, count in zip(self.edges, self.counts, strict=False):
            running += count
            pairs.append((f"{edge:g}", float(running)))
        return [*pairs, ("+Inf", float(self.count))]
