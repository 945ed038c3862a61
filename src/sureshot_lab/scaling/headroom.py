"""How long capacity lasts: the trend of the daily peaks, carried on until it is reached."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from sureshot_lab.analysis.trend import theil_sen
from sureshot_lab.errors import LabError
from sureshot_lab.scaling.series import Series

DAY_S = 86_400.0
FEWEST_DAYS = 4


@dataclass(frozen=True)
class Headroom:
    """Days until the daily peak reaches *capacity*; infinite where it does not grow.

    ``soonest_days`` and ``latest_days`` are by the ends of the slope's 95 % interval.
    ``peak`` is today's by the trend, ``growth_per_day`` its slope.
    """

    capacity: float
    peak: float
    growth_per_day: float
    days: float
    soonest_days: float
    latest_days: float

    @property
    def used(self) -> float:
        """The share of capacity that today's peak takes."""
        return self.peak / self.capacity


def headroom(series: Series, capacity: float) -> Headroom:
    """Return how long *capacity* lasts; raises ``LabError`` with fewer than four whole days."""
    if capacity <= 0:
        raise LabError(f"a capacity of {capacity:g} is none")
    peaks = daily_peaks(series)
    if len(peaks) < FEWEST_DAYS:
        raise LabError(
            f"the series holds {len(peaks)} whole days; headroom needs {FEWEST_DAYS} or more"
        )
    days = [float(day) for day in range(len(peaks))]
    slope = theil_sen(days, peaks)
    level = median(peak - slope.value * day for day, peak in zip(days, peaks, strict=True))
    peak = level + slope.value * days[-1]

    def until(per_day: float) -> float:
        if peak >= capacity:
            return 0.0
        return (capacity - peak) / per_day if per_day > 0 else math.inf

    return Headroom(
        capacity, peak, slope.value, until(slope.value), until(slope.high), until(slope.low)
    )


def daily_peaks(series: Series) -> list[float]:
    """Return the highest value of each whole day, counted back from the end."""
    per_day = round(DAY_S / series.step_s)
    if per_day < 1:
        raise LabError(f"values {series.step_s / DAY_S:.1f} days apart have no daily peaks")
    values = series.values[len(series.values) % per_day :]
    return [max(values[at : at + per_day]) for at in range(0, len(values), per_day)]
