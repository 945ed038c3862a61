"""Load traces: how many webhooks come in each second, of the shapes that load takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sureshot_lab.errors import LabError

DAY_S = 86_400
MINUTE_S = 60

Rates = np.ndarray[tuple[int], np.dtype[np.float64]]
"""Webhooks a second, second by second."""


@dataclass(frozen=True)
class Trace:
    """``arrivals[n]``: webhooks that come in second n, drawn from the shape's rate there.

    ``judged_from_s``: figures count from here on; before it there is only history.
    """

    name: str
    about: str
    per_s: Rates
    arrivals: np.ndarray[tuple[Any, ...], np.dtype[np.int64]]
    judged_from_s: int = 0

    @property
    def duration_s(self) -> int:
        """How long it is."""
        return len(self.arrivals)


Shape = Callable[[np.random.Generator], Rates]


def _steady(_rng: np.random.Generator) -> Rates:
    return np.full(30 * MINUTE_S, 600.0)


def _step(_rng: np.random.Generator) -> Rates:
    return _joined((10, 200, 200), (15, 1600, 1600), (15, 200, 200))


def _ramp(_rng: np.random.Generator) -> Rates:
    return _joined((5, 200, 200), (15, 200, 2000), (5, 2000, 2000), (10, 2000, 200), (10, 200, 200))


def _spike(_rng: np.random.Generator) -> Rates:
    calm, peak = (10, 300, 300), (1, 2400, 2400)
    return _joined(calm, peak, calm, peak, calm)


def _daily(rng: np.random.Generator) -> Rates:
    """Three days: night and day, and a batch that starts at nine sharp, more or less large."""
    at_s = np.arange(3 * DAY_S)
    per_s = 700 - 500 * np.cos(2 * math.pi * at_s / DAY_S)
    for day in range(3):
        begin_s = day * DAY_S + 9 * 3600
        per_s[begin_s : begin_s + 20 * MINUTE_S] += 900 * rng.uniform(0.85, 1.15)
    return per_s


def _bursty(rng: np.random.Generator) -> Rates:
    """Calm and bursts in turn, of lengths and heights nobody knows before (on and off, Pareto)."""
    parts: list[Rates] = []
    while sum(map(len, parts)) < 60 * MINUTE_S:
        parts.append(np.full(int(60 + rng.exponential(180)), 250.0))
        height = min(2400.0, 600 * (1 + rng.pareto(1.5)))
        parts.append(np.full(int(10 + rng.exponential(50)), height))
    return np.concatenate(parts)[: 60 * MINUTE_S]


def _joined(*stages: tuple[float, float, float]) -> Rates:
    """Return the rates of stages: minutes, rate at the begin, rate at the end."""
    return np.concatenate(
        [np.linspace(start, end, int(minutes * MINUTE_S)) for minutes, start, end in stages]
    )


SHAPES: dict[str, tuple[Shape, str, int]] = {
    "steady": (_steady, "600 a second, half an hour", 0),
    "step": (_step, "200, then 1,600 for a quarter of an hour, then 200", 0),
    "ramp": (_ramp, "200 to 2,000 in a quarter of an hour, and down again", 0),
    "spike": (_spike, "300, and twice 2,400 for a minute", 0),
    "daily": (_daily, "the third of three days: 200 to 1,200, and a batch at nine", 2 * DAY_S),
    "bursty": (_bursty, "250, and bursts of unknown length and height", 0),
}


def make_trace(name: str, seed: int = 1) -> Trace:
    """Return the trace called *name*; arrivals are Poisson around its shape, drawn from *seed*.

    Raises ``LabError`` for an unknown name.
    """
    if name not in SHAPES:
        raise LabError(f"no trace is called {name}; there are {', '.join(SHAPES)}")
    shape, about, judged_from_s = SHAPES[name]
    rng = np.random.default_rng([seed, *name.encode()])
    per_s = shape(rng)
    return Trace(name, about, per_s, rng.poisson(per_s), judged_from_s)
