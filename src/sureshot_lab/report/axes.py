"""Axes: from values to places between 0 and 1, with ticks at round figures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sureshot_lab.report.figures import clock, short

STEPS = (1, 2, 2.5, 5, 10)
LOG_STEPS = (1, 2, 5, 10)
TICKS = 5
MOST_LOG_TICKS = 7
LOG_FROM = 20.0
"""An axis is logarithmic where the largest value is more than this times the smallest."""
TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
LEAST = {"s": 1e-3, "bytes": float(1 << 20), "share": 0.01, "cores": 0.1}
"""How far an axis of nothing but zeros goes, by unit; else to 1."""
WHOLE = frozenset({"count", ""})
CERTAIN = 1e-12


@dataclass(frozen=True)
class Tick:
    """A mark on an axis; *place* between 0 and 1."""

    place: float
    label: str


@dataclass(frozen=True)
class Axis:
    """From *low* to *high*, straight or logarithmic; *title* says what is on it."""

    low: float
    high: float
    ticks: tuple[Tick, ...]
    title: str
    log: bool = False

    def place(self, value: float) -> float:
        """Return where *value* lies, 0 to 1; what is outside lies at the edge."""
        return _place(value, self.low, self.high, log=self.log)


def value_axis(values: Iterable[float], unit: str, title: str, *, spread: bool = False) -> Axis:
    """Return an axis that holds all *values*; logarithmic if *spread* allows and they ask for it.

    A straight axis begins at 0: half the height is half the value.
    """
    known = [value for value in values if math.isfinite(value)]
    above = [value for value in known if value > 0]
    if spread and above and max(above) > LOG_FROM * min(above):
        return _log_axis(min(above), max(above), unit, title)
    return _straight_axis(max(above, default=0.0), unit, title)


def time_axis(start_s: float, end_s: float) -> Axis:
    """Return the axis of a run's time."""
    span_s = max(end_s - start_s, 1.0)
    fits = (step for step in TIME_STEPS_S if span_s / step <= TICKS + 2)
    step_s = next(fits, TIME_STEPS_S[-1] * math.ceil(span_s / TIME_STEPS_S[-1] / TICKS))
    first = math.ceil(start_s / step_s)
    moments = [n * step_s for n in range(first, math.floor((start_s + span_s) / step_s) + 1)]
    minutes = end_s > 120
    ticks = tuple(
        Tick((at - start_s) / span_s, clock(at) if minutes else f"{at:g} s") for at in moments
    )
    unit = "h:min:s" if end_s >= 3600 else "min:s" if minutes else "seconds"
    return Axis(start_s, start_s + span_s, ticks, f"time since the start, {unit}")


def percentile_axis(most: float) -> Axis:
    """Return the axis of a percentile spectrum: x is 1/(1-p), *most* its largest value."""
    nines = max(2, math.ceil(math.log10(max(most, 10.0)) - CERTAIN))
    high = 10.0**nines
    labels = ["0 %", "90 %", "99 %", *(f"99.{'9' * n} %" for n in range(1, nines - 1))]
    ticks = tuple(
        Tick(_place(10.0**n, 1.0, high, log=True), label) for n, label in enumerate(labels)
    )
    return Axis(1.0, high, ticks, "percentile", log=True)


def _straight_axis(most: float, unit: str, title: str) -> Axis:
    most = most or LEAST.get(unit, 1.0)
    step = _binary_step(most / TICKS) if unit.startswith("bytes") else _round_step(most / TICKS)
    if unit in WHOLE and step < 10:
        step = next(whole for whole in (1.0, 2.0, 5.0, 10.0) if whole >= step)
    count = math.ceil(most / step - CERTAIN)
    high = step * count
    ticks = tuple(Tick(n / count, short(step * n, unit)) for n in range(count + 1))
    return Axis(0.0, high, ticks, title)


def _log_axis(least: float, most: float, unit: str, title: str) -> Axis:
    low, high = _round_down(least), _round_up(most)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    parts = (1, 2, 5) if math.log10(high / low) <= MOST_LOG_TICKS / 3 else (1,)
    every = math.ceil((last - first + 1) / MOST_LOG_TICKS)
    marks = [part * 10.0**n for n in range(first, last + 1, every) for part in parts]
    ticks = tuple(
        Tick(_place(mark, low, high, log=True), short(mark, unit))
        for mark in marks
        if low * (1 - CERTAIN) <= mark <= high * (1 + CERTAIN)
    )
    return Axis(low, high, ticks, f"{title}, logarithmic".removeprefix(", "), log=True)


def _place(value: float, low: float, high: float, *, log: bool) -> float:
    if log:
        if value <= 0:
            return 0.0
        value, low, high = math.log(value), math.log(low), math.log(high)
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(part * power for part in STEPS if part * power >= step * (1 - CERTAIN))


def _binary_step(step: float) -> float:
    return 2.0 ** math.ceil(math.log2(step) - CERTAIN)


def _round_down(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(part * power for part in LOG_STEPS if part * power <= value * (1 + CERTAIN))


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return min(part * power for part in LOG_STEPS if part * power >= value * (1 - CERTAIN))
