"""How throughput grows with what is added: speed-up, efficiency, and Gunther's law fitted to it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from sureshot_lab.analysis.estimate import Estimate
from sureshot_lab.analysis.wording import number, percent
from sureshot_lab.errors import LabError

FEWEST = 4
NEXT_TO_NOTHING = 1e-9
"""A coefficient below this is 0 but for rounding: its peak lies beyond any scale there is."""


@dataclass(frozen=True)
class ScalePoint:
    """Throughput a second with *n* of something: processes, replicas, clients. ``n`` >= 1."""

    n: float
    per_s: float


@dataclass(frozen=True)
class Scaled:
    """One scale: its median throughput, and that by the smallest scale's, whole and by each."""

    n: float
    per_s: float
    speed_up: float
    efficiency: float


@dataclass(frozen=True)
class Usl:
    """X(N) = l N / (1 + s (N - 1) + k N (N - 1)): Gunther's Universal Scalability Law.

    ``per_one_s`` is l, what one alone does; ``contention`` s, the share that queues for
    something; ``coherency`` k, what each pair costs in agreeing. ``peak_n``: where
    throughput is highest, None when the interval of k reaches down to 0, so that there
    may be no peak. ``residual``: the root mean square of what the fit misses by, as a share.
    """

    per_one_s: Estimate
    contention: Estimate
    coherency: Estimate
    peak_n: float | None
    residual: float

    def predict(self, n: float) -> float:
        """Return the throughput a second with *n*."""
        return float(_usl(n, self.per_one_s.value, self.contention.value, self.coherency.value))

    @property
    def sentence(self) -> str:
        """What limits scaling, in words."""
        told = f"{percent(self.contention.value)} contention, coherency {self.coherency.value:.2g}"
        if self.peak_n is None:
            return f"{told}: no peak can be told"
        return f"{told}: throughput is highest at {number(self.peak_n)}"


@dataclass(frozen=True)
class HeldOut:
    """The largest scale, predicted from the others. ``error``: predicted by measured, minus 1."""

    n: float
    measured_per_s: float
    predicted_per_s: float
    error: float


def speed_ups(points: Sequence[ScalePoint]) -> list[Scaled]:
    """Return every scale by its size; several runs of one count by their median.

    Raises:
        LabError: no points, or no throughput at the smallest scale.

    """
    rates = _by_scale(points)
    smallest, first = next(iter(rates.items()), (0.0, 0.0))
    if not first:
        raise LabError("there is no throughput at the smallest scale to compare with")
    return [
        Scaled(n, per_s, per_s / first, per_s / first / (n / smallest))
        for n, per_s in rates.items()
    ]


def fit_usl(points: Sequence[ScalePoint], confidence: float = 0.95) -> Usl:
    """Fit the law by least squares of relative errors, neither s nor k below 0.

    Intervals are those of the linearised fit by Student's t; an end below 0 is cut off
    there, and they are rough when a coefficient is at 0. Gunther, "Guerrilla Capacity
    Planning", 2007, chapter 5.

    Raises:
        LabError: fewer than 4 different scales, one below 1, no throughput somewhere, or no fit.

    """
    _check(points)
    from scipy.optimize import OptimizeWarning, curve_fit  # noqa: PLC0415 - slow to load
    from scipy.stats import t  # noqa: PLC0415 - slow to load

    sizes = np.array([point.n for point in points], dtype=np.float64)
    unit = float(np.median([point.per_s / point.n for point in points]))
    rates = np.array([point.per_s for point in points], dtype=np.float64) / unit
    try:
        with warnings.catch_warnings():
            # No covariance leaves infinite intervals, which say so themselves.
            warnings.simplefilter("ignore", OptimizeWarning)
            fitted, covariance = curve_fit(
                _usl, sizes, rates, p0=(1.0, 0.02, 1e-4), sigma=rates, bounds=(0, np.inf)
            )
    except RuntimeError as error:
        raise LabError(f"the scalability law does not fit these points: {error}") from None
    fitted = np.where(fitted < NEXT_TO_NOTHING, 0.0, fitted)
    reach = t.ppf(0.5 + confidence / 2, len(points) - 3) * np.sqrt(np.diag(covariance))
    alone, contention, coherency = (
        Estimate(float(value), max(0.0, float(value - by)), float(value + by), confidence)
        for value, by in zip(fitted, reach, strict=True)
    )
    missed = _usl(sizes, *fitted) / rates - 1
    return Usl(
        alone.scaled(unit),
        contention,
        coherency,
        _peak(contention.value, coherency),
        float(np.sqrt(np.mean(missed**2))),
    )


def held_out(points: Sequence[ScalePoint]) -> HeldOut:
    """Fit the law to all scales but the largest, and hold its prediction against that one.

    Raises:
        LabError: as ``fit_usl``, of the points without the largest scale.

    """
    rates = _by_scale(points)
    largest = max(rates, default=0.0)
    rest = [point for point in points if point.n != largest]
    predicted = fit_usl(rest).predict(largest)
    return HeldOut(largest, rates[largest], predicted, predicted / rates[largest] - 1)


def _usl(n: Any, alone: float, contention: float, coherency: float) -> Any:
    return alone * n / (1 + contention * (n - 1) + coherency * n * (n - 1))


def _peak(contention: float, coherency: Estimate) -> float | None:
    """Return where the law has its maximum: the root of (1 - s) / k; at 1 when s is above 1."""
    if coherency.low < NEXT_TO_NOTHING:
        return None
    return math.sqrt(max(1.0, (1 - contention) / coherency.value))


def _by_scale(points: Sequence[ScalePoint]) -> dict[float, float]:
    """Return the median throughput of each scale, the smallest first."""
    rates: dict[float, list[float]] = {}
    for point in sorted(points, key=lambda point: point.n):
        rates.setdefault(point.n, []).append(point.per_s)
    return {n: median(of_scale) for n, of_scale in rates.items()}


def _check(points: Sequence[ScalePoint]) -> None:
    scales = {point.n for point in points}
    if len(scales) < FEWEST:
        raise LabError(f"a fit needs {FEWEST} scales or more, not {len(scales)}")
    if min(scales) < 1 or min(point.per_s for point in points) <= 0:
        raise LabError("scales must be 1 or more, and have throughput")
