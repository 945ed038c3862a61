"""``sureshot lab traffic stages``: a load that changes, as the stages of a scenario."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from sureshot_lab.cli.printing import print_line
from sureshot_lab.errors import LabError

DIGITS = 3
"""Of a second, and of a rate: no generator could tell more."""


class Shape(StrEnum):
    """How a load changes between its low and its high rate."""

    ON_OFF = "on-off"
    RANDOM = "random"
    DAY = "day"


def stages(
    shape: Annotated[Shape, typer.Argument(help="Bursts in turn, at random, or a day's shape.")],
    low: Annotated[float, typer.Option(min=0, help="Arrivals a second, when it is quiet.")] = 100,
    high: Annotated[float, typer.Option(min=0, help="Arrivals a second in a burst.")] = 1000,
    low_s: Annotated[float, typer.Option(help="How long it is quiet; at random the mean.")] = 10,
    high_s: Annotated[float, typer.Option(help="How long a burst is; at random the mean.")] = 3,
    seconds: Annotated[float, typer.Option(help="How long it all takes.")] = 60,
    seed: Annotated[int, typer.Option(help="Same seed, same bursts at random.")] = 1,
) -> None:
    """Print stages of a load that changes, for load.stages of any scenario.

    on-off: quiet and bursts in turn. random: their lengths are exponential, as bursty
    traffic is modelled. day: lowest at its ends, highest at noon, squeezed into --seconds.
    """
    from sureshot_lab.traffic.bursts import (  # noqa: PLC0415 - slow to load
        daily_shape,
        on_off,
        random_bursts,
    )

    if high < low or high <= 0:
        raise LabError(f"--high {high:g} must be above 0 and not below --low {low:g}")
    if shape is Shape.ON_OFF:
        made = on_off(
            quiet_per_s=low, burst_per_s=high, quiet_s=low_s, burst_s=high_s, total_s=seconds
        )
    elif shape is Shape.RANDOM:
        made = random_bursts(
            quiet_per_s=low, burst_per_s=high, mean_quiet_s=low_s, mean_burst_s=high_s,
            total_s=seconds, seed=seed,
        )  # fmt: skip
    else:
        mean = (low + high) / 2
        made = daily_shape(mean_per_s=mean, peak_to_mean=high / mean, total_s=seconds)
    print_line(json.dumps([[round(part, DIGITS) for part in stage] for stage in made]))
