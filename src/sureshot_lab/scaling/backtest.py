"""How good forecasts would have been: on the series itself, against two that need no model.

The naive forecast repeats the last value, the seasonal-naive one the last season. Errors
are MASE (Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006: the
mean absolute error by that of the seasonal-naive forecast one step ahead inside the
training part, so below 1 is better than that) and MAPE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from sureshot.domain.forecast import fitted
from sureshot_lab.errors import LabError

ORIGINS = 10
COVERAGE = 0.95
DAY_S = 86_400.0
WEEK_S = 7 * DAY_S


@dataclass(frozen=True)
class Accuracy:
    """Of one kind of forecast, over all origins and steps. ``mape`` leaves out zeros.

    ``covered``: the share of values inside the 95 % interval; None without intervals.
    """

    method: str
    mase: float
    mape: float | None
    covered: float | None = None


def backtest(
    values: Sequence[float], periods: Sequence[int], horizon: int, origins: int = ORIGINS
) -> list[Accuracy]:
    """Forecast *horizon* steps from *origins* moments in the last third, as if it were then.

    Raises ``LabError`` when *values* are too few for that.
    """
    first = max(2 * len(values) // 3, 2 * max(periods, default=1))
    last = len(values) - horizon
    if last < first:
        raise LabError(
            f"{len(values)} values are too few to test forecasts of {horizon} steps: "
            f"{first + horizon} are needed"
        )
    every = max(1, (last - first) // max(1, origins - 1))
    trials = [
        _Trial(values[:origin], values[origin : origin + horizon], periods)
        for origin in range(last, first - 1, -every)[:origins]
    ]
    return [
        _accuracy("Holt-Winters", [trial.model for trial in trials], trials, intervals=True),
        _accuracy("naive", [trial.naive for trial in trials], trials),
        _accuracy("seasonal naive", [trial.seasonal_naive for trial in trials], trials),
    ]


class _Trial:
    """What was known, what came, and what each method had expected."""

    def __init__(
        self, known: Sequence[float], came: Sequence[float], periods: Sequence[int]
    ) -> None:
        self.came = came
        season = max((p for p in periods if 2 * p <= len(known)), default=1)
        steps = [abs(known[n] - known[n - season]) for n in range(season, len(known))]
        self.scale = fmean(steps) or 1e-12
        predictions = fitted(known, periods, len(came)).forecast(len(came), COVERAGE)
        self.model = [prediction.value for prediction in predictions]
        self.inside = [
            prediction.low <= value <= prediction.high
            for prediction, value in zip(predictions, came, strict=True)
        ]
        self.naive = [known[-1]] * len(came)
        self.seasonal_naive = [known[n % season - season] for n in range(len(came))]


def _accuracy(
    method: str, expected: list[list[float]], trials: list[_Trial], *, intervals: bool = False
) -> Accuracy:
    scaled, relative, inside = [], [], []
    for guesses, trial in zip(expected, trials, strict=True):
        for guess, value in zip(guesses, trial.came, strict=True):
            scaled.append(abs(guess - value) / trial.scale)
            if value:
                relative.append(abs(guess - value) / abs(value))
        inside += trial.inside
    return Accuracy(
        method,
        fmean(scaled),
        fmean(relative) if relative else None,
        fmean(inside) if intervals else None,
    )
