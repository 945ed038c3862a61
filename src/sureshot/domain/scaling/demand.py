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
        self.step_s = step_s
        self._filled_s = 0.0
        self._sum = 0.0

    def add(self, elapsed_s: float, count: float) -> list[float]:
        """Return the rates of the steps that *count* in *elapsed_s* has completed."""
        done = []
        per_s = count / elapsed_s
        while elapsed_s > 0:
            part_s = min(elapsed_s, self.step_s - self._filled_s)
            self._filled_s += part_s
            self._sum += per_s * part_s
            elapsed_s -= part_s
            if self._filled_s >= self.step_s - 1e-9:
                done.append(self._sum / self.step_s)
                self._filled_s = self._sum = 0.0
        return done


class Demand:
    """Webhooks a second, told what came second by second.

    Two forecasts: the trend of the last minute, and, once two days were seen, what
    this time of the day usually brings.
    """

    def __init__(self, lead_s: float = LEAD_S, day_s: float = DAY_S) -> None:
        self.per_s = 0.0
        self._known_s = 0.0
        self._lead_s = lead_s
        self._short = Steps(SHORT_S)
        self._trend: HoltWinters | None = None
        self._long = Steps(LONG_S)
        self._period = round(day_s / LONG_S)
        self._days: list[float] = []
        self._season: HoltWinters | None = None

    def observe(self, elapsed_s: float, arrived: float) -> None:
        """Take in what came in the last *elapsed_s* seconds."""
        self._known_s += elapsed_s
        weight = 1 - math.exp(-elapsed_s / min(FOLLOWS_S, self._known_s))
        self.per_s += weight * (arrived / elapsed_s - self.per_s)
        for mean in self._short.add(elapsed_s, arrived):
            if self._trend is None:
                self._trend = HoltWinters(SHORT, mean)
            self._trend.update(mean)
        for mean in self._long.add(elapsed_s, arrived):
            self._learn_day(mean)

    @property
    def knows_the_day(self) -> bool:
        """Whether two days were seen."""
        return self._season is not None

    def forecast_per_s(self) -> float:
        """Return the rate expected when a replica that is started now is at work."""
        expected = [self.per_s]
        if self._trend is not None:
            expected.append(self._trend.forecast(math.ceil(self._lead_s / SHORT_S))[-1].value)
        if self._season is not None:
            steps = math.ceil(self._lead_s / LONG_S)
            expected += [one.value for one in self._season.forecast(steps)]
        return max(0.0, *expected[1:]) if len(expected) > 1 else max(0.0, self.per_s)

    def _learn_day(self, mean: float) -> None:
        if self._season is not None:
            self._season.update(mean)
            return
        self._days.append(mean)
        if len(self._days) == 2 * self._period:
            self._season = begun(self._days, self._period, LONG)
            self._days.clear()
