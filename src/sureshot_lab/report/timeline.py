"""A run's seconds and samples as series, thinned so that a long run still draws quickly.

Thinning joins neighbours: a rate becomes their mean, a latency or a level their
highest, so that no spike vanishes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sureshot_lab.report.titles import measure_of, without_percentile
from sureshot_lab.result import Interval, RunResult, Sample

MOST_POINTS = 600

Point = tuple[float, float | None]
"""Where, and the value there; None where nothing was measured."""


class Joined(StrEnum):
    """What neighbours become when they are drawn as one point."""

    MEAN = "mean"
    HIGHEST = "highest"


@dataclass(frozen=True)
class Span:
    """The time a run's charts show."""

    start_s: float
    end_s: float


def span_of(result: RunResult) -> Span:
    """Return the time from the first to the last thing known of the run."""
    starts = [0.0]
    ends = [1.0]
    if result.intervals:
        starts.append(result.intervals[0].at_s)
        ends.append(result.intervals[-1].at_s + 1)
    if result.samples:
        starts.append(result.samples[0].at_s)
        ends.append(result.samples[-1].at_s)
    starts += [phase.start_s for phase in result.phases]
    ends += [phase.end_s for phase in result.phases]
    ends += [event.at_s for event in result.events]
    return Span(min(starts), max(ends))


def per_second(
    intervals: Sequence[Interval], value: Callable[[Interval], float | None], joined: Joined
) -> list[Point]:
    """Return one figure of every second, thinned."""
    return thinned([(interval.at_s, value(interval)) for interval in intervals], joined)


def sampled(samples: Sequence[Sample], name: str, joined: Joined) -> list[Point]:
    """Return one series of the sampler, thinned."""
    return thinned([(sample.at_s, sample.values.get(name)) for sample in samples], joined)


def sample_names(samples: Iterable[Sample]) -> list[str]:
    """Return the names there are, in the order they first came."""
    return list(dict.fromkeys(name for sample in samples for name in sample.values))


def by_measure(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the names together that measure the same: ``cpu_cores`` of service and sink.

    The percentiles of one latency are together as well.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(without_percentile(measure_of(name)), []).append(name)
    return groups


def joined_count(count: int) -> int:
    """Return how many neighbours of *count* points become one."""
    return math.ceil(count / MOST_POINTS)


def thinned(points: Sequence[Point], joined: Joined) -> list[Point]:
    """Return at most ``MOST_POINTS`` points; each stands where its first neighbour stood."""
    size = joined_count(len(points))
    if size <= 1:
        return list(points)
    return [_one(points[at : at + size], joined) for at in range(0, len(points), size)]


def spread_out(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return at most ``MOST_POINTS`` of a cloud: evenly many, and always the two extremes."""
    if len(points) <= MOST_POINTS:
        return list(points)
    step = math.ceil(len(points) / (MOST_POINTS - 2))
    kept = set(points[::step])
    kept.add(max(points, key=lambda point: point[1]))
    kept.add(max(points, key=lambda point: point[0]))
    return sorted(kept)


def _one(points: Sequence[Point], joined: Joined) -> Point:
    known = [value for _at, value in points if value is not None]
    if not known:
        return points[0][0], None
    value = max(known) if joined is Joined.HIGHEST else sum(known) / len(known)
    return points[0][0], value
