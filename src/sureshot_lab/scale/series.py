"""A series of steps: run one after the other, kept as files, and what they say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Protocol

import msgspec

from sureshot_lab.analysis.fairness import jain_index
from sureshot_lab.analysis.scalability import (
    FEWEST,
    HeldOut,
    Scaled,
    ScalePoint,
    Usl,
    fit_usl,
    held_out,
    speed_ups,
)
from sureshot_lab.analysis.under_load import seconds_under_load
from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult
from sureshot_lab.scale.kept import keep
from sureshot_lab.scale.limits import busy_machine, few_cores, idle_slots, not_valid
from sureshot_lab.scale.processes import TAKES

EVEN = 0.95
"""Jain's index of the workers' takes must be as high, or they do not share the work."""
EDGE_S = 2.0
"""So long from the begin of the load is left out: the queue fills."""
ALL_DONE = 0.97
FEW_SLOTS = (
    "With RabbitMQ a worker of few slots holds one message at a time, of the webhooks that were "
    "committed together"
)


class Driver(Protocol):
    """What makes a deployment have so many replicas, and runs the load on it."""

    name: str
    rate_per_s: float

    async def step(self, replicas: int) -> RunResult:
        """Return the result of the load with so many replicas. Raises ``LabError``."""
        ...


@dataclass(frozen=True)
class Step:
    """One count of replicas. ``jain``: how even the workers' takes are; None: not known."""

    replicas: int
    result: RunResult
    per_s: float
    jain: float | None


@dataclass(frozen=True)
class Series:
    """All steps with their speed-up.

    ``usl`` is None with too few; ``held`` holds its prediction of the largest step from
    the others against that, and is None with one more. ``remarks`` say why.
    """

    steps: list[Step]
    scaled: list[Scaled]
    usl: Usl | None
    held: HeldOut | None
    remarks: list[str]


async def run_series(driver: Driver, counts: Sequence[int], folder: Path) -> list[Step]:
    """Run a step for each of *counts*; write ``scale-<n>x.json`` into *folder* after each.

    Raises:
        LabError: as the driver; the files of the steps before stay.

    """
    steps = []
    for replicas in counts:
        step = step_of(replicas, await driver.step(replicas))
        keep(folder, f"scale-{replicas}x", step.result)
        steps.append(step)
    return steps


def step_of(replicas: int, result: RunResult) -> Step:
    """Return *result* as a step, its metrics with ``replicas`` and what follows."""
    per_s = _steady_per_s(result)
    metrics = {"replicas": float(replicas), "steady_delivered_per_s": per_s}
    jain = jain_of(result)
    if jain is not None:
        metrics["takes_jain_index"] = jain
    merged = msgspec.structs.replace(result, metrics={**result.metrics, **metrics})
    return Step(replicas, merged, per_s, jain)


def analyse(steps: Sequence[Step], rate_per_s: float, cores: int | None) -> Series:
    """Return speed-up, efficiency and, with enough steps, Gunther's law.

    *cores* of this machine, None when the replicas are elsewhere.

    Raises:
        LabError: nothing was delivered at the smallest count.

    """
    return law_of(steps, _remarks(steps, rate_per_s, cores))


def law_of(steps: Sequence[Step], remarks: Sequence[str]) -> Series:
    """Return the series with what can be told of its law, and *remarks* after it.

    Raises:
        LabError: as ``analyse``.

    """
    points = [ScalePoint(step.replicas, step.per_s) for step in steps]
    scaled = speed_ups(points)
    usl, held, told = _usl(points)
    return Series(list(steps), scaled, usl, held, [*told, *remarks])


def _usl(points: Sequence[ScalePoint]) -> tuple[Usl | None, HeldOut | None, list[str]]:
    if len(points) < FEWEST:
        return None, None, [f"no scalability law is fitted: that needs {FEWEST} counts or more"]
    try:
        usl = fit_usl(points)
        if len(points) == FEWEST:
            too_few = (
                f"the law is not held against a count it has not seen: that needs {FEWEST + 1}"
            )
            return usl, None, [too_few]
        return usl, held_out(points), []
    except LabError as error:
        return None, None, [f"no scalability law is fitted: {error}"]


def _remarks(steps: Sequence[Step], rate_per_s: float, cores: int | None) -> list[str]:
    results = {f"{step.replicas}x": step.result for step in steps}
    found = few_cores(max(step.replicas for step in steps), cores, "replicas")
    free = [f"{step.replicas}x" for step in steps if step.per_s >= ALL_DONE * rate_per_s]
    if free:
        found.append(
            f"at {', '.join(free)} everything offered ({rate_per_s:.0f}/s) was delivered: there "
            "the load is the limit, and the speed-up at least what is told"
        )
    unknown = [f"{step.replicas}x" for step in steps if step.jain is None]
    if unknown:
        found.append(
            f"how evenly the workers take is not known at {', '.join(unknown)}: not every one's "
            "metrics were read (--metrics-url)"
        )
    found += idle_slots(results, FEW_SLOTS)
    return [*uneven(steps), *found, *busy_machine(results), *not_valid(results)]


def uneven(steps: Sequence[Step]) -> list[str]:
    """Return a sentence for each step whose workers did not share the work evenly."""
    return [
        f"at {step.replicas}x the workers did not share evenly: Jain's index of what they took is "
        f"{step.jain:.3f}, and must be {EVEN} or more"
        for step in steps
        if step.jain is not None and step.jain < EVEN
    ]


def _steady_per_s(result: RunResult) -> float:
    """Return the mean of the load's seconds without the first ones."""
    seconds = [one.delivered for one in seconds_under_load(result) if one.at_s >= EDGE_S]
    # The last one may be cut short by the end of the load.
    return fmean(seconds[:-1]) if len(seconds) > 1 else 0.0


def jain_of(result: RunResult) -> float | None:
    """Return how even the takes of the table ``takes`` are; None without it."""
    rows = next((table.rows for table in result.tables if table.name == TAKES), [])
    taken = [float(row[1]) for row in rows if row[1] is not None]
    return jain_index(taken) if taken else None
