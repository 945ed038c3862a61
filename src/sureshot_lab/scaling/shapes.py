"""Synthetic load of the shapes forecasts are tested on; equal seeds give equal series."""

from __future__ import annotations

import math

import numpy as np

from sureshot_lab.scaling.series import Series

HOUR_S = 3600.0
DAY = 24
WEEK = 7 * DAY


def daily(seed: int = 1, days: int = 21) -> Series:
    """Return hours of night and day, growing by a hundredth a day, with noise."""
    rng = np.random.default_rng([seed, 1])
    hours = np.arange(days * DAY)
    level = 500 * (1 + 0.01 * hours / DAY)
    shape = 1 - 0.6 * np.cos(2 * math.pi * hours / DAY)
    return _series(level * shape * (1 + 0.05 * rng.standard_normal(len(hours))))


def weekly(seed: int = 1, weeks: int = 8) -> Series:
    """Return hours of working days and quiet week-ends, with noise."""
    rng = np.random.default_rng([seed, 2])
    hours = np.arange(weeks * WEEK)
    working = np.where(hours // DAY % 7 < 5, 1.0, 0.35)
    shape = working * (1 - 0.5 * np.cos(2 * math.pi * hours / DAY))
    return _series(600 * shape * (1 + 0.08 * rng.standard_normal(len(hours))))


def bursty(seed: int = 1, hours: int = 500) -> Series:
    """Return a calm level with bursts nobody can foresee: their times and heights are chance."""
    rng = np.random.default_rng([seed, 3])
    values = 300 * (1 + 0.1 * rng.standard_normal(hours))
    for at in np.flatnonzero(rng.random(hours) < 0.06).tolist():
        lasts = 1 + rng.geometric(0.5)
        values[at : at + lasts] += 300 * (1 + rng.pareto(2.0))
    return _series(values)


SHAPES = {
    "daily": (daily, (DAY,)),
    "weekly": (weekly, (DAY, WEEK)),
    "bursty": (bursty, (DAY,)),
}
"""Each with the seasons it is forecast with."""


def _series(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Series:
    return Series(0.0, HOUR_S, [max(0.0, float(value)) for value in values])
