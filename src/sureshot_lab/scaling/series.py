"""A measured series, evenly spaced: read from CSV, JSON, or an answer of Prometheus."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

from sureshot_lab.errors import UnreadableResult

MOST_VALUES = 5000
"""A longer series is averaged to coarser steps: fitting takes time, and days have no seconds."""
FEWEST = 8
MILLISECONDS = 1e11
"""A time above this is not in seconds: those would be of the year 5138."""

Point = tuple[float, float]
"""Seconds (since the epoch, or since any moment), and the value then."""


@dataclass(frozen=True)
class Series:
    """Values *step_s* apart; ``filled`` of them were missing and drawn straight between others."""

    start_s: float
    step_s: float
    values: list[float]
    filled: int = 0

    @property
    def duration_s(self) -> float:
        """From the first value to the end of the last."""
        return self.step_s * len(self.values)

    def steps(self, seconds: float) -> int:
        """Return how many steps *seconds* are."""
        return round(seconds / self.step_s)


def read_series(path: Path) -> Series:
    """Read a file; raises ``UnreadableResult``, saying what would be right.

    CSV: time and value, with or without a header; a lone column is one value a second.
    JSON: a list of values, of [time, value], or what Prometheus answers to query_range.
    Times are seconds, milliseconds or ISO 8601.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableResult(f"{path} cannot be read: {error}") from None
    try:
        points = _of_json(text) if text.lstrip()[:1] in {"[", "{"} else _of_csv(text)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise UnreadableResult(
            f"{path}: {error}; lines like 2026-01-01T00:00:00Z,12.5 would be right"
        ) from None
    return evenly(points, str(path))


def evenly(points: Iterable[Point], source: str) -> Series:
    """Return *points* at even steps; raises ``UnreadableResult`` when they are too few."""
    ordered = sorted(point for point in points if math.isfinite(point[1]))
    gaps = [b[0] - a[0] for a, b in pairwise(ordered) if b[0] > a[0]]
    if len(gaps) + 1 < FEWEST:
        raise UnreadableResult(f"{source}: {len(gaps) + 1} values are too few for a forecast")
    step_s, start_s = median(gaps), ordered[0][0]
    slots: dict[int, list[float]] = {}
    for at_s, value in ordered:
        slots.setdefault(round((at_s - start_s) / step_s), []).append(value)
    known = {slot: fmean(values) for slot, values in slots.items()}
    return _coarse(Series(start_s, step_s, _without_gaps(known), max(known) + 1 - len(known)))


def prometheus_points(answer: Any) -> list[Point]:
    """Return the points of a query_range answer; raises ``ValueError`` unless it is one series."""
    result = answer["data"]["result"]
    if len(result) != 1:
        raise ValueError(f"the query gives {len(result)} series; sum() makes them one")
    return [(float(at_s), float(value)) for at_s, value in result[0]["values"]]


def _of_json(text: str) -> list[Point]:
    found = json.loads(text)
    if isinstance(found, dict):
        return prometheus_points(found)
    if found and isinstance(found[0], list):
        return [(_seconds(at), float(value)) for at, value in found]
    return [(float(at), float(value)) for at, value in enumerate(found)]


def _of_csv(text: str) -> list[Point]:
    rows = [row for row in csv.reader(text.splitlines()) if row and "".join(row).strip()]
    if rows and not _is_number(rows[0][-1]):
        rows = rows[1:]
    if rows and len(rows[0]) == 1:
        return [(float(at), float(row[0])) for at, row in enumerate(rows)]
    return [(_seconds(row[0]), float(row[1])) for row in rows]


def _seconds(at: Any) -> float:
    if isinstance(at, str) and not _is_number(at):
        return datetime.fromisoformat(at.strip()).timestamp()
    number = float(at)
    return number / 1000 if number > MILLISECONDS else number


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _without_gaps(known: dict[int, float]) -> list[float]:
    places = sorted(known)
    values: list[float] = []
    for place, following in zip(places, [*places[1:], places[-1] + 1], strict=True):
        width = following - place
        end = known.get(following, known[place])
        values += [known[place] + (end - known[place]) * n / width for n in range(width)]
    return values


def _coarse(series: Series) -> Series:
    together = -(-len(series.values) // MOST_VALUES)
    if together <= 1:
        return series
    groups: Sequence[list[float]] = [
        series.values[at : at + together]
        for at in range(0, len(series.values) - together + 1, together)
    ]
    return replace(
        series, step_s=series.step_s * together, values=[fmean(group) for group in groups]
    )
