"""Histograms as Prometheus counts them, and the quantiles they allow."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from sureshot_lab.sampler.exposition import Series


@dataclass(frozen=True)
class Buckets:
    """How many observations fell at or below each edge and above the one before.

    ``edges`` rise, the last is infinity; ``total`` is the sum of what was observed.
    """

    edges: tuple[float, ...]
    counts: tuple[float, ...]
    total: float = 0.0

    @property
    def count(self) -> float:
        """How many observations there are."""
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        """Their mean, exact; None without any."""
        return self.total / self.count if self.count > 0 else None

    def quantile(self, share: float) -> float | None:
        """Return the value below which *share* (0..1) of them lie; None without any.

        Straight between the edges of its bucket, as ``histogram_quantile`` does: exact
        at an edge, a guess inside. In the last bucket it is the highest finite edge,
        and the true value is above it.
        """
        if self.count <= 0:
            return None
        running = list(accumulate(self.counts))
        rank = share * running[-1]
        at = min(bisect_left(running, rank), len(running) - 1)
        if math.isinf(self.edges[at]):
            return self.edges[at - 1] if at else None
        low = self.edges[at - 1] if at else 0.0
        inside = self.counts[at]
        into = (rank - (running[at] - inside)) / inside if inside else 0.0
        return low + (self.edges[at] - low) * into


def merged(family: str, values: Mapping[Series, float]) -> Buckets | None:
    """Return every series of *family* as one histogram, None when there is none."""
    return by_label(family, "", values).get("")


def by_label(family: str, label: str, values: Mapping[Series, float]) -> dict[str, Buckets]:
    """Return a histogram for each value that *label* has in *family*; other labels are merged."""
    return {told: buckets for (told,), buckets in by_labels(family, (label,), values).items()}


def by_labels(
    family: str, labels: Sequence[str], values: Mapping[Series, float]
) -> dict[tuple[str, ...], Buckets]:
    """Return a histogram for each combination of values that *labels* have in *family*.

    A label that is not there is an empty value. All series must have the same edges, as
    those of one version of the service have.
    """
    cumulative: dict[tuple[str, ...], dict[float, float]] = {}
    totals: dict[tuple[str, ...], float] = {}
    for series, value in values.items():
        told = tuple(series.label(label) for label in labels)
        if series.name == f"{family}_bucket":
            edges = cumulative.setdefault(told, {})
            edge = float(series.label("le"))
            edges[edge] = edges.get(edge, 0.0) + value
        elif series.name == f"{family}_sum":
            totals[told] = totals.get(told, 0.0) + value
    return {
        told: _buckets(dict(sorted(edges.items())), totals.get(told, 0.0))
        for told, edges in cumulative.items()
    }


def _buckets(cumulative: Mapping[float, float], total: float) -> Buckets:
    counts = tuple(after - before for before, after in pairwise((0.0, *cumulative.values())))
    return Buckets(tuple(cumulative), counts, total)
