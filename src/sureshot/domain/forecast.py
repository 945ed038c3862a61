"""Forecasts of a series from itself: Holt-Winters, additive, with a damped trend.

In the innovations form of Hyndman, Koehler, Ord and Snyder, "Forecasting with
Exponential Smoothing" (2008), where it is called ETS(A,Ad,A), and ETS(A,Ad,N)
without a season:

    value   = level + phi * trend + season(m steps ago) + error
    level  += phi * trend + alpha * error
    trend   = phi * trend + beta * error
    season += gamma * error

Its prediction intervals have a closed form (their table 6.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist, fmean

NORMAL = NormalDist()
MEMORY = 1000
"""The variance of the errors is a mean of about so many of the latest."""

TRIALS = 12
ONE_SIGMA = 2 * NORMAL.cdf(1) - 1
"""The coverage of an interval that reaches one standard deviation to each side."""

ALPHAS = (0.02, 0.1, 0.25, 0.5, 0.8)
BETAS = (0.0, 0.01, 0.1)
GAMMAS = (0.0, 0.05, 0.15, 0.4)
PHIS = (0.8, 0.9, 0.98)


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How fast level, trend and season follow an error, 0 to 1; ``phi`` damps the trend."""

    alpha: float = 0.3
    beta: float = 0.02
    gamma: float = 0.1
    phi: float = 0.9


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected, and the bounds of its interval."""

    value: float
    low: float
    high: float


class HoltWinters:
    """A model that is told one value after the other; made by ``begun`` or ``fitted``."""

    def __init__(
        self, smoothing: Smoothing, level: float, trend: float = 0.0, season: Sequence[float] = ()
    ) -> None:
        """*season* holds the deviation of each step of a period, from the next step on."""
        self.smoothing = smoothing
        self._level = level
        self._trend = trend
        self._season = list(season)
        self._at = 0
        self._square = 0.0
        self._spread = 1.0

    @property
    def period(self) -> int:
        """How many steps a season has; 0 without one."""
        return len(self._season)

    @property
    def mean_square(self) -> float:
        """The mean square of the one-step errors so far."""
        return self._square

    def widen(self, by: float) -> None:
        """Multiply the variance of forecasts from now on: trials have shown that they err more."""
        self._spread *= by

    def update(self, value: float) -> float:
        """Take in the next value; return by how much it was missed."""
        smoothing = self.smoothing
        ahead = self._level + smoothing.phi * self._trend
        error = value - ahead
        if self._season:
            place = self._at % len(self._season)
            error -= self._season[place]
            self._season[place] += smoothing.gamma * error
        self._level = ahead + smoothing.alpha * error
        self._trend = smoothing.phi * self._trend + smoothing.beta * error
        self._at += 1
        self._square += (error * error - self._square) / min(self._at, MEMORY)
        return error

    def forecast(self, steps: int, coverage: float = 0.95) -> list[Prediction]:
        """Return what the next *steps* values will be, each within its interval *coverage* often.

        The interval takes errors for normal and alike, and the model for true: where a
        series is neither, it covers less.
        """
        z = NORMAL.inv_cdf(0.5 + coverage / 2)
        predictions = []
        for step, (damped, weight) in enumerate(self._ahead(steps)):
            value = self._level + damped * self._trend
            if self._season:
                value += self._season[(self._at + step) % len(self._season)]
            margin = z * math.sqrt(self._square * weight * self._spread)
            predictions.append(Prediction(value, value - margin, value + margin))
        return predictions

    def _ahead(self, steps: int) -> Iterator[tuple[float, float]]:
        """Yield for each step the sum of the damping, and the variance in units of an error's."""
        smoothing, period = self.smoothing, len(self._season)
        damped, weight = 0.0, 1.0
        for step in range(1, steps + 1):
            damped += smoothing.phi**step
            yield damped, weight
            effect = smoothing.alpha + smoothing.beta * damped
            if period and step % period == 0:
                effect += smoothing.gamma
            weight += effect * effect


def begun(
    values: Sequence[float], period: int = 0, smoothing: Smoothing | None = None
) -> HoltWinters:
    """Return a model that has seen *values*, with smoothing as given.

    A season needs two periods to begin with; raises ``ValueError`` with fewer, and
    without any value.
    """
    if not values or len(values) < 2 * period:
        raise ValueError(f"{len(values)} values are too few to begin with")
    model = _beginning(values, period, smoothing or Smoothing())
    for value in values:
        model.update(value)
    return model


def fitted(values: Sequence[float], periods: Sequence[int] = (), ahead: int = 1) -> HoltWinters:
    """Return the model that would have forecast the next *ahead* values best.

    Smoothing, and a season out of *periods* or none, are chosen by the absolute errors of
    trials: forecasts from moments in the second half of *values*, and after two periods.
    Intervals are widened by what the trials missed. Raises ``ValueError`` without values.
    """
    usable = [period for period in periods if 1 < period <= len(values) // 2]
    trials = [
        _tried(values, period, ahead, smoothing)
        for period in (0, *usable)
        for smoothing in _grid(seasonal=period > 0)
    ]
    best = min(trials, key=lambda trial: trial.error)
    if best.excess > 1:
        best.model.widen(best.excess)
    return best.model


@dataclass(slots=True)
class _Trial:
    """A model that has seen everything, and what its forecasts missed on the way.

    ``error``: the mean absolute one. ``excess``: the mean of squares by what its intervals
    took for granted.
    """

    model: HoltWinters
    error: float
    excess: float = 1.0


def _tried(values: Sequence[float], period: int, ahead: int, smoothing: Smoothing) -> _Trial:
    if not values:
        raise ValueError("there are no values to fit")
    model = _beginning(values, period, smoothing)
    first, last = max(2 * period, len(values) // 2), len(values) - ahead
    origins = set(range(last, first - 1, -max(1, (last - first) // TRIALS)))
    errors, squares = [], []
    for at, value in enumerate(values):
        if at in origins and model.mean_square > 0:
            for one, came in zip(model.forecast(ahead, ONE_SIGMA), values[at:], strict=False):
                errors.append(abs(one.value - came))
                squares.append(((one.value - came) / max(one.high - one.value, 1e-12)) ** 2)
        model.update(value)
    if not errors:
        return _Trial(model, math.sqrt(model.mean_square))
    return _Trial(model, fmean(errors), fmean(squares))


def _beginning(values: Sequence[float], period: int, smoothing: Smoothing) -> HoltWinters:
    if not period:
        return HoltWinters(smoothing, values[0])
    first, second = fmean(values[:period]), fmean(values[period : 2 * period])
    slope = (second - first) / period
    middle = (period - 1) / 2
    season = [
        fmean((values[step] - first, values[step + period] - second)) - slope * (step - middle)
        for step in range(period)
    ]
    return HoltWinters(smoothing, first - slope * (middle + 1), slope, season)


def _grid(*, seasonal: bool) -> Iterator[Smoothing]:
    for alpha, beta, gamma in product(ALPHAS, BETAS, GAMMAS if seasonal else (0.0,)):
        if beta > alpha or gamma > 1 - alpha:
            continue
        for phi in PHIS if beta else PHIS[:1]:
            yield Smoothing(alpha, beta, gamma, phi)
