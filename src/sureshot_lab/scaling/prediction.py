"""The look ahead: what a series will be, how good such forecasts were, how long capacity lasts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sureshot.domain.forecast import HoltWinters, fitted
from sureshot_lab.analysis.wording import number
from sureshot_lab.errors import LabError
from sureshot_lab.scaling.backtest import COVERAGE, Accuracy, backtest
from sureshot_lab.scaling.headroom import Headroom, headroom
from sureshot_lab.scaling.series import Series
from sureshot_lab.scaling.shapes import DAY, SHAPES

MOST_ROWS = 24
MOST_AHEAD = 5000
CALENDAR_S = 3e8
"""A time above this is of the calendar, since 1979; below it, counted from any moment."""


@dataclass(frozen=True)
class Row:
    """What is expected in one part of the horizon: its mean, and its lowest and highest bound."""

    when: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Outlook:
    """Everything there is to say, in figures and in sentences. ``season_s`` is 0 without one."""

    says: str
    season_s: float
    rows: list[Row]
    headroom: Headroom | None = None
    headroom_says: list[str] = field(default_factory=list)
    accuracies: list[Accuracy] = field(default_factory=list)


def look_ahead(
    series: Series,
    seasons_s: Sequence[float],
    horizon_s: float,
    capacity: float | None = None,
    *,
    with_backtest: bool = False,
) -> Outlook:
    """Forecast *series*; raises ``LabError`` when it is too short for what is asked."""
    ahead = max(1, series.steps(horizon_s))
    if ahead > MOST_AHEAD:
        raise LabError(f"{ahead} steps ahead are too many: at most {MOST_AHEAD}")
    periods = [series.steps(season_s) for season_s in seasons_s]
    model = fitted(series.values, periods, ahead)
    rows = _rows(series, model, ahead)
    room = None if capacity is None else headroom(series, capacity)
    return Outlook(
        says=_says(series, model),
        season_s=model.period * series.step_s,
        rows=rows,
        headroom=room,
        headroom_says=[] if room is None else _room_says(room, rows),
        accuracies=backtest(series.values, periods, ahead) if with_backtest else [],
    )


def synthetic(seed: int = 1) -> dict[str, list[Accuracy]]:
    """Return how good forecasts of a day are on every synthetic shape."""
    return {
        name: backtest(make(seed).values, periods, DAY) for name, (make, periods) in SHAPES.items()
    }


def _rows(series: Series, model: HoltWinters, ahead: int) -> list[Row]:
    predictions = model.forecast(ahead, COVERAGE)
    together = -(-ahead // MOST_ROWS)
    rows = []
    for first in range(0, ahead, together):
        part = predictions[first : first + together]
        at_s = series.start_s + series.step_s * (len(series.values) + first)
        rows.append(
            Row(
                _when(at_s, series),
                sum(one.value for one in part) / len(part),
                max(0.0, min(one.low for one in part)),
                max(one.high for one in part),
            )
        )
    return rows


def _when(at_s: float, series: Series) -> str:
    if series.start_s > CALENDAR_S:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M")
    ahead_s = at_s - series.start_s - series.duration_s + series.step_s
    return f"+{ahead_s:g} s"


def _says(series: Series, model: HoltWinters) -> str:
    filled = f", {series.filled} of them filled in" if series.filled else ""
    season = _long(model.period * series.step_s) if model.period else "none"
    smoothing = model.smoothing
    return (
        f"{len(series.values)} values over {_long(series.duration_s)}{filled}. Season: {season}; "
        f"smoothing of level {smoothing.alpha:g}, trend {smoothing.beta:g} (damped by "
        f"{smoothing.phi:g}), season {smoothing.gamma:g}."
    )


def _room_says(room: Headroom, rows: Sequence[Row]) -> list[str]:
    told = [
        f"The daily peak is {number(room.peak)}, {room.used:.0%} of {number(room.capacity)}, and "
        f"changes by {number(room.growth_per_day)} a day."
    ]
    if not room.days:
        return [*told, "Capacity is reached already."]
    if math.isinf(room.days):
        soonest = f"; at the soonest in {room.soonest_days:.0f} days"
        told.append(
            "It is not growing: capacity is not reached"
            + (soonest if math.isfinite(room.soonest_days) else "")
            + "."
        )
    else:
        latest = "never" if math.isinf(room.latest_days) else f"{room.latest_days:.0f}"
        told.append(
            f"Capacity lasts for {room.days:.0f} days (95 %: {room.soonest_days:.0f} to {latest})."
        )
    above = next((row for row in rows if row.high >= room.capacity), None)
    if above is not None:
        told.append(f"Within the horizon it may be reached at {above.when} already.")
    return told


def _long(seconds: float) -> str:
    for unit_s, name in ((86_400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.3g} {name}"
    return f"{seconds:.3g} s"
