"""How much work comes: the rate now, and what it will be when a replica started now is ready."""

from __future__ import annotations

import math

from sureshot.domain.forecast import HoltWinters, Smoothing, begun

FOLLOWS_S = 5.0
"""The rate is a mean of about so many of the latest seconds."""
LEAD_S = 20.0
"""How far ahead is looked: a replica's start, and the time until it shows."""
SHORT_S = 5.0
LONG_S = 60.0
DAY_S = 86_400.0
SHORT = Smoothing(alpha=0.5, beta=0.15, gamma=0.0, phi=0.85)
LONG = Smoothing(alpha=0.3, beta=0.01, gamma=0.2, phi=0.9)


class Steps:
    """Turns observations of any length into means of equal steps."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._filled_s = 0.0
        self._sum = 0.0

    def add(self, elapsed_s: float, count: float) -> list[float]:
        """Return the rates of the steps that *count* in *elapsed_s* has completed."""
        done = []
        per_s = count / elapsed_s
        while elapsed_s > 0:
            part_s = min(elapsed_s, self._step_s - self._filled_s)
            self._filled_s += part_s
            self._sum += per_s * part_s
            elapsed_s -= part_s
            if self._filled_s >= self._step_s - 1e-9:
                done.append(self._sum / self._step_s)
                self._filled_s = self._sum = 0.0
        return done


class Demand:
    """Webhooks a second, told what came observation by observation.

    Two forecasts: the trend of the last minute, and, once two days were seen, what
    this time of the day usually brings.
    """

    def __init__(self, lead_s: float = LEAD_S, day_s: float = DAY_S) -> None:
        self._mean_per_s = 0.0
        self._last_per_s = (0.0, 0.0)
        self._known_s = 0.0
        self._short_ahead = math.ceil(lead_s / SHORT_S)
        self._short = Steps(SHORT_S)
        self._trend: HoltWinters | None = None
        self._trend_per_s: float | None = None
        # A step more: what is expected of the next one is known only when it begins.
        self._long_ahead = 1 + math.ceil(lead_s / LONG_S)
        self._long = Steps(LONG_S)
        self._period = round(day_s / LONG_S)
        self._two_days: list[float] = []
        self._day: HoltWinters | None = None
        self._day_per_s = 0.0

    def observe(self, elapsed_s: float, arrived: float) -> None:
        """Take in what came in the last *elapsed_s* seconds."""
        now_per_s = arrived / elapsed_s
        self._last_per_s = (self._last_per_s[1], now_per_s)
        self._known_s += elapsed_s
        weight = 1 - math.exp(-elapsed_s / min(FOLLOWS_S, self._known_s))
        self._mean_per_s += weight * (now_per_s - self._mean_per_s)
        for mean in self._short.add(elapsed_s, arrived):
            self._learn_trend(mean)
        for mean in self._long.add(elapsed_s, arrived):
            self._learn_day(mean)

    @property
    def per_s(self) -> float:
        """The rate now: a moving mean, yet at once what came in both of the last observations.

        A jump is believed the second time, and no single lump is ever taken for one.
        """
        return max(self._mean_per_s, min(self._last_per_s))

    @property
    def knows_the_day(self) -> bool:
        """Whether two days were seen."""
        return self._day is not None

    @property
    def forecast_per_s(self) -> float:
        """The rate expected when a replica that is started now is at work."""
        trend_per_s = self.per_s if self._trend_per_s is None else self._trend_per_s
        return max(0.0, trend_per_s, self._day_per_s)

    def _learn_trend(self, mean: float) -> None:
        if self._trend is None:
            self._trend = HoltWinters(SHORT, mean)
        self._trend.update(mean)
        self._trend_per_s = self._trend.forecast(self._short_ahead)[-1].value

    def _learn_day(self, mean: float) -> None:
        if self._day is not None:
            self._day.update(mean)
        else:
            self._two_days.append(mean)
            if len(self._two_days) == 2 * self._period:
                self._day = begun(self._two_days, self._period, LONG)
                self._two_days.clear()
        if self._day is not None:
            self._day_per_s = max(one.value for one in self._day.forecast(self._long_ahead))
