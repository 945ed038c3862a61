"""Figures inside sentences: a value and its unit, in three digits."""

from __future__ import annotations

import math

from sureshot_lab.analysis.estimate import Estimate

SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
UNITS = ("us_per_webhook", "per_s", "per_min", "s", "bytes", "share", "cores")


def unit_of(metric: str) -> str:
    """Return the unit a metric's name ends in; empty for a count."""
    return next((unit for unit in UNITS if metric.endswith(f"_{unit}")), "")


def told(value: float, unit: str = "") -> str:
    """Return *value*, in the unit a metric's name ends in, as a person writes it."""
    if not math.isfinite(value):
        return "unknown"
    match unit:
        case "s" if abs(value) < 1:
            said = f"{number(value * 1000)} ms"
        case "bytes":
            said = size(value)
        case "share":
            said = percent(value)
        case "us_per_webhook":
            said = f"{number(value)} µs a webhook"
        case "per_s" | "per_min":
            said = f"{number(value)}/{unit.removeprefix('per_')}"
        case "" | "count":
            said = number(value)
        case _:
            said = f"{number(value)} {unit}"
    return said


def interval(estimate: Estimate, unit: str = "") -> str:
    """Return an estimate as ``12 ms [11 ms, 14 ms]``; an end that is not known is left out."""
    low, high = (
        told(end, unit) if math.isfinite(end) else "?" for end in (estimate.low, estimate.high)
    )
    return f"{told(estimate.value, unit)} [{low}, {high}]"


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{number(share * 100)} %"


def change(share: float) -> str:
    """Return a change as ``+4.2 %``."""
    return f"{share * 100:+z.1f} %"


def size(value_bytes: float) -> str:
    """Return a size in the largest unit that it has one of."""
    for scale, name in SIZES:
        if abs(value_bytes) >= scale:
            return f"{number(value_bytes / scale)} {name}"
    return f"{number(value_bytes)} B"


def number(value: float) -> str:
    """Return *value* in three digits; a whole number keeps all of its own."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
