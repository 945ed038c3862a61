"""Loads that change: bursts on and off, bursts at random, the shape of a day; all as stages."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from sureshot_lab.errors import LabError
from sureshot_lab.scenario import Stage
from sureshot_lab.traffic.chance import Chance

SHORTEST_S = 0.001
"""No stage is shorter: no generator could tell it."""


def arrivals(stages: Sequence[Stage]) -> float:
    """Return how many arrivals *stages* mean, between them all."""
    return math.fsum(seconds * (start + end) / 2 for seconds, start, end in stages)


def on_off(
    *, quiet_per_s: float, burst_per_s: float, quiet_s: float, burst_s: float, total_s: float
) -> list[Stage]:
    """Return quiet and bursts in turn, beginning quiet, for *total_s* to the millisecond.

    Raises:
        LabError: a rate is negative, or a duration shorter than 1 ms.

    """
    _check(rates=(quiet_per_s, burst_per_s), durations=(quiet_s, burst_s, total_s))
    phases = ((quiet_s, quiet_per_s), (burst_s, burst_per_s))
    stages: list[Stage] = []
    left_s = total_s
    while left_s >= SHORTEST_S:
        for seconds, rate in phases:
            _append(stages, min(seconds, left_s), rate)
            left_s -= seconds
    return stages


def random_bursts(
    *,
    quiet_per_s: float,
    burst_per_s: float,
    mean_quiet_s: float,
    mean_burst_s: float,
    total_s: float,
    seed: int,
) -> list[Stage]:
    """Return quiet and bursts of exponential length: a two-state modulated Poisson process.

    The usual model of bursty arrivals (Fischer and Meier-Hellstern, "The Markov-modulated
    Poisson process cookbook", 1993). Equal seeds give equal stages.

    Raises:
        LabError: a rate is negative, or a duration shorter than 1 ms.

    """
    _check(rates=(quiet_per_s, burst_per_s), durations=(mean_quiet_s, mean_burst_s, total_s))
    chance = Chance("bursts", seed)
    phases = ((mean_quiet_s, quiet_per_s), (mean_burst_s, burst_per_s))
    stages: list[Stage] = []
    left_s = total_s
    while left_s >= SHORTEST_S:
        for mean_s, rate in phases:
            seconds = max(SHORTEST_S, -mean_s * math.log(1 - chance.share()))
            _append(stages, min(seconds, left_s), rate)
            left_s -= seconds
    return stages


def daily_shape(
    *, mean_per_s: float, peak_to_mean: float, total_s: float, days: int = 1, steps: int = 24
) -> list[Stage]:
    """Return *days* days squeezed into *total_s*: lowest at their start, highest at noon.

    The rate is a cosine about *mean_per_s*, in *steps* straight pieces a day; its mean
    is *mean_per_s* exactly.

    Raises:
        LabError: *peak_to_mean* outside 1..2 (a rate can't be negative at night), fewer
            than 4 steps, *days* below 1, a negative rate, or less than 1 ms.

    """
    _check(rates=(mean_per_s,), durations=(total_s,))
    if not 1 <= peak_to_mean <= 2:
        raise LabError(f"the peak of a day must be 1 to 2 times its mean, not {peak_to_mean}")
    if steps < 4 or days < 1:
        raise LabError(f"a day needs 4 steps or more, not {steps}, and there must be one")
    rates = [
        mean_per_s * (1 - (peak_to_mean - 1) * math.cos(2 * math.pi * step / steps))
        for step in range(steps)
    ]
    around = [max(0.0, rate) for rate in [*rates, rates[0]]]
    day = [(total_s / days / steps, start, end) for start, end in itertools.pairwise(around)]
    return day * days


def _append(stages: list[Stage], seconds: float, rate: float) -> None:
    if seconds >= SHORTEST_S:
        stages.append((seconds, rate, rate))


def _check(*, rates: Sequence[float], durations: Sequence[float]) -> None:
    if not all(rate >= 0 and math.isfinite(rate) for rate in rates):
        raise LabError(f"rates must be 0 or more a second: {list(rates)}")
    if not all(seconds >= SHORTEST_S and math.isfinite(seconds) for seconds in durations):
        raise LabError(f"durations must be {SHORTEST_S} s or more: {list(durations)}")
