"""Where a figure changed in the course of its history, from one commit to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
import numpy.typing as npt

ALPHA = 0.01
"""A history is looked at again with every commit: 1 in 20 false alarms would be one a month."""
SHUFFLES = 999
MOST_EDGES = 50
SHORTEST = 4
"""A change is told no sooner than so many runs after it, nor so soon after another."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChangePoint:
    """From the value at ``index`` on the level is another. ``change``: after by before, minus 1."""

    index: int
    before: float
    after: float
    change: float
    p: float


def change_points(
    values: Sequence[float], *, alpha: float = ALPHA, least: float = 0.02, seed: int = 1
) -> list[ChangePoint]:
    """Return where *values*, in order of time, changed their level; in order of time.

    At each place the ranks before and after are held against each other (Mann-Whitney's
    z); the place where they differ most is a change if not more than *alpha* of 999
    shuffled histories differ as much anywhere (Pettitt, "A non-parametric approach to the
    change-point problem", 1979, each place weighed by its own spread). Where there is
    none, a stretch is looked for that differs from all around it, by the same measure:
    what went up and came back (Olshen and others, "Circular binary segmentation", 2004).
    The parts are then searched again.

    Medians closer than *least* of the one before are no change worth telling. A single
    outlier is none either. In a history of 40 a change is found from the fifth value after
    it on. Equal seeds give equal answers.
    """
    history = np.asarray(values, dtype=np.float64)
    found = _search(history, 0, alpha, np.random.default_rng(seed))
    edges = [0, *found, len(history)]
    for number in range(1, len(edges) - 1):
        edges[number] = _placed(history, *edges[number - 1 : number + 2])
    told = []
    for (start, at, end), p in zip(_threes(edges), found.values(), strict=True):
        before, after = median(values[start:at]), median(values[at:end])
        if abs(after - before) > least * abs(before):
            changed = after / before - 1 if before else math.copysign(math.inf, after)
            told.append(ChangePoint(at, before, after, changed, p))
    return told


def _threes(edges: Sequence[int]) -> list[tuple[int, int, int]]:
    return list(zip(edges, edges[1:], edges[2:], strict=False))


def _placed(values: Floats, start: int, at: int, end: int) -> int:
    """Return where between *start* and *end* two medians leave the least.

    Ranks tell that there is a change better than where: a high value just before it
    costs them little.
    """

    def left_over(place: int) -> float:
        before, after = values[start:place], values[place:end]
        left = np.abs(before - np.median(before)).sum() + np.abs(after - np.median(after)).sum()
        return float(left)

    places = range(max(start + 1, at - SHORTEST), min(end, at + SHORTEST + 1))
    return min(places, key=left_over)


def _search(
    values: Floats, offset: int, alpha: float, rng: np.random.Generator
) -> dict[int, float]:
    """Return the p of each change in *values*, by its index from *offset*, rising."""
    if len(values) < 2 * SHORTEST:
        return {}
    ranks = _midranks(values)
    shuffled = rng.permuted(np.tile(ranks, (SHUFFLES, 1)), axis=1)
    for differences in (_splits, _stretches):
        places, seen = differences(ranks[np.newaxis, :])
        if not len(places):
            continue
        at, height = places[int(seen[0].argmax())], seen[0].max()
        # Sums of the same ranks in another order differ in their last digit.
        higher = np.count_nonzero(differences(shuffled)[1].max(axis=1) >= height - 1e-9)
        p = (1 + int(higher)) / (1 + SHUFFLES)
        if p <= alpha:
            edges = [0, *at, len(values)]
            found = {offset + edge: p for edge in at}
            for start, end in pairwise(edges):
                found |= _search(values[start:end], offset + start, alpha, rng)
            return dict(sorted(found.items()))
    return {}


def _splits(ranks: Floats) -> tuple[list[tuple[int, ...]], Floats]:
    """Return every place to split at, and |z| of each row there but for a common factor."""
    count = ranks.shape[1]
    places = np.arange(SHORTEST, count - SHORTEST + 1)
    sums = np.cumsum(ranks, axis=1)[:, places - 1]
    return [(int(place),) for place in places], _z(sums, places, count)


def _stretches(ranks: Floats) -> tuple[list[tuple[int, ...]], Floats]:
    """Return every stretch with enough on both its sides, and the same of each.

    Of a long history, only stretches that begin and end at every so manieth value.
    """
    count = ranks.shape[1]
    grid = range(SHORTEST, count - SHORTEST + 1, -(-count // MOST_EDGES))
    places = [(i, j) for i in grid for j in grid if j - i >= SHORTEST]
    totals = np.cumsum(ranks, axis=1)
    starts = np.array([i for i, _j in places], dtype=np.int64)
    ends = np.array([j for _i, j in places], dtype=np.int64)
    sums = totals[:, ends - 1] - totals[:, starts - 1]
    return [*places], _z(sums, ends - starts, count)


def _z(sums: Floats, inside: npt.NDArray[np.int64], count: int) -> Floats:
    """Return how far the *sums* of so many ranks of *count* are from what is expected."""
    expected = inside * (count + 1) / 2
    return np.asarray(np.abs(sums - expected) / np.sqrt(inside * (count - inside)))


def _midranks(values: Floats) -> Floats:
    _unique, which, ties = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(ties) - (ties - 1) / 2)[which], dtype=np.float64)
