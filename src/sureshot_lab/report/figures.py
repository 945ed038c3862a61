"""Figures as a reader wants them: a value and its unit, in few digits that do not mislead.

The units are those of a run's metrics: ``s``, ``us``, ``bytes``, ``share``, ``count``,
``cores``, and any of them ``per_<something>``. An unknown unit is written as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sureshot_lab.result import Gate

NOTHING = "-"
DIGITS = 3
MOST_DIGITS = 12
UNIT = re.compile(r"(?:^|_)((?:(?:s|us|bytes)_)?per_[a-z]+|s|us|bytes|share|cores)(?=(?:_max)?$)")
ZEROS = re.compile(r"\.0+(?!\d)|(\.\d*?[1-9])0+(?!\d)")
SIGNS = {"<=": "≤", ">=": "≥", "==": "="}
TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
SIZES = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))


def unit_of(name: str) -> str:
    """Return the unit a metric's name ends in, ``_max`` left out; ``count`` if in none."""
    found = UNIT.search(name)
    return found[1] if found else "count"


def figure(value: float | None, unit: str = "count", digits: int = DIGITS) -> str:
    """Return *value* with its unit, in *digits* significant digits; ``-`` for None."""
    if value is None or not math.isfinite(value):
        return NOTHING
    quantity, per_, per = unit.rpartition("per_")
    if per_:
        return f"{figure(value, quantity.rstrip('_'), digits)}/{per}"
    written = WRITERS.get(unit)
    return written(value, digits) if written else f"{number(value, digits)} {unit}"


def named(metrics: Mapping[str, float], name: str) -> str:
    """Return ``metrics[name]`` as a figure, its unit taken from the name."""
    return figure(metrics.get(name), unit_of(name))


def short(value: float, unit: str = "count") -> str:
    """Return *value* without zeros at its end: for limits and ticks, which are round."""
    return _trimmed(figure(value, unit))


def apart(value: float, limit: float, unit: str) -> tuple[str, str]:
    """Return *value* and *limit*, with as many digits as tell them apart."""
    told = figure(value, unit)
    for digits in range(DIGITS, MOST_DIGITS):
        told = figure(value, unit, digits)
        if value == limit or _trimmed(told) != short(limit, unit):
            break
    return told, short(limit, unit)


def measured(gate: Gate) -> str:
    """Return what was measured for *gate*, as exact as its limit asks for."""
    if gate.value is None:
        return "not measured"
    return apart(gate.value, gate.limit, gate.unit or unit_of(gate.metric))[0]


def limit(gate: Gate) -> str:
    """Return the limit of *gate* with its comparison, such as ``< 100 ms``."""
    sign = SIGNS.get(gate.comparison, gate.comparison)
    return f"{sign} {short(gate.limit, gate.unit or unit_of(gate.metric))}"


def between(bounds: tuple[float | None, float | None] | None, unit: str) -> str:
    """Return an interval as ``4.10 ms to 4.35 ms``; empty without one, an open end told."""
    low, high = bounds or (None, None)
    if low is None and high is None:
        return ""
    if high is None:
        return f"{figure(low, unit)} or more"
    if low is None:
        return f"{figure(high, unit)} or less"
    return f"{figure(low, unit)} to {figure(high, unit)}"


def number(value: float, digits: int = DIGITS) -> str:
    """Return a bare number: whole ones in full, others in *digits* significant digits."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    before = math.floor(math.log10(abs(value))) + 1
    return f"{value:,.{max(0, digits - before)}f}" if before > -5 else f"{value:.{digits - 1}e}"


def change(share: float | None) -> str:
    """Return a change as ``+4.2 %``."""
    return NOTHING if share is None else f"{share * 100:+.1f} %"


def duration(value_s: float) -> str:
    """Return a length of time in the words of a person: ``45 s``, ``1 min 05 s``."""
    whole = round(value_s)
    if whole < 60:
        return f"{round(value_s, 1):g} s"
    minutes, seconds = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def instant(at: datetime) -> str:
    """Return a date and time of day, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(value_s: float) -> str:
    """Return a moment of the run: ``0:32``, ``1:02:32``; ``-0:02`` is before its start."""
    minutes, seconds = divmod(abs(round(value_s)), 60)
    sign = "-" if round(value_s) < 0 else ""
    if minutes < 60:
        return f"{sign}{minutes}:{seconds:02d}"
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def _seconds(value: float, digits: int) -> str:
    # Rounded before it is scaled: 999.96 us is 1.00 ms, not 1,000 us.
    rounded = abs(float(f"{value:.{digits - 1}e}"))
    scale, name = next((time for time in TIMES if rounded >= time[0]), TIMES[-1])
    return _scaled(value, scale, name, digits) if rounded else "0 s"


def _bytes(value: float, digits: int) -> str:
    scale, name = next((size for size in SIZES if abs(value) >= size[0]), SIZES[-1])
    return f"{number(value)} B" if name == "B" else _scaled(value, scale, name, digits)


def _cores(value: float, digits: int) -> str:
    return f"{_trimmed(f'{value:.{digits}f}')} {'core' if value == 1 else 'cores'}"


def _scaled(value: float, scale: float, name: str, digits: int) -> str:
    scaled = value / scale
    before = math.floor(math.log10(abs(float(f"{scaled:.{digits - 1}e}")))) + 1
    return f"{scaled:,.{max(0, digits - before)}f} {name}"


def _share(share: float, digits: int) -> str:
    """As many digits as it takes: 99.9 % and 99.96 % must not look alike, nor 99.9999 % as 100."""
    percent = share * 100
    rest = min(abs(percent), abs(100 - percent))
    if rest == 0:
        return f"{percent:.0f} %"
    places = digits - 1 - (math.floor(math.log10(rest)) + 1)
    return _trimmed(f"{percent:,.{min(max(places, 1), MOST_DIGITS)}f} %")


def _trimmed(text: str) -> str:
    """Take the zeros off the end of the fraction in *text*."""
    return ZEROS.sub(r"\1", text)


WRITERS: dict[str, Callable[[float, int], str]] = {
    "": number,
    "count": number,
    "s": _seconds,
    "us": lambda value, digits: _seconds(value / 1e6, digits),
    "bytes": _bytes,
    "share": _share,
    "cores": _cores,
}
"""How each unit is written."""
