"""What a load of several rates shows: what was delivered at each, and kept beyond capacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from sureshot_lab.analysis.knee import LoadPoint, goodput_kept
from sureshot_lab.result import Interval, Table
from sureshot_lab.scenario import Load


@dataclass(frozen=True)
class Overload:
    """Additions to a run's ``metrics`` and ``tables``; empty for a load that was no overload."""

    metrics: dict[str, float] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)


def overload_of(load: Load, intervals: Sequence[Interval]) -> Overload:
    """Return how goodput held up: ``goodput_kept_share`` and a table of the stages.

    Goodput is what the receivers answered with success in a second, not what was accepted:
    a stage's is the median of its seconds, so that neither a pause nor the emptying of a
    backlog decides. The share is that of the worst overloaded stage, of the best of all.
    """
    points = load_points(load, intervals)
    kept = goodput_kept(points)
    if kept is None:
        return Overload()
    rows: list[list[str | float | int | None]] = [
        [point.offered_per_s, point.goodput_per_s, point.p95_s] for point in points
    ]
    columns = ["offered_per_s", "delivered_per_s", "submission_p95_s"]
    table = Table(name="overload", title="Goodput by rate", columns=columns, rows=rows)
    return Overload({"goodput_kept_share": kept}, [table])


def load_points(load: Load, intervals: Sequence[Interval]) -> list[LoadPoint]:
    """Return each stage of a steady rate as a point, with the medians of its seconds."""
    points, begin_s = [], 0.0
    for lasts_s, start, end in load.stages:
        from_s, begin_s = begin_s, begin_s + lasts_s
        here = [one for one in intervals if from_s <= one.at_s and one.at_s + 1 <= begin_s]
        if start != end or not here:
            continue
        p95_s = [one.p95_s for one in here if one.p95_s is not None]
        points.append(
            LoadPoint(
                offered_per_s=float(median(one.intended for one in here)),
                p95_s=median(p95_s) if p95_s else 0.0,
                goodput_per_s=float(median(one.delivered for one in here)),
            )
        )
    return points
