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
    Scaled,
    ScalePoint,
    Usl,
    fit_usl,
    speed_ups,
)
from sureshot_lab.analysis.under_load import seconds_under_load
from sureshot_lab.errors import LabError
from sureshot_lab.report.files import write_whole
from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.scale.processes import TAKES

EDGE_S = 2.0
"""So long from the begin of the load is left out: the queue fills."""
ALL_DONE = 0.97
WELL_USED = 0.6
"""Slots are seldom all taken: the record of one is awaited before the next is taken."""
BUSY = 0.9


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
    """All steps with their speed-up. ``usl`` is None with too few; ``why`` says so."""

    steps: list[Step]
    scaled: list[Scaled]
    usl: Usl | None
    remarks: list[str]


async def run_series(driver: Driver, counts: Sequence[int], folder: Path) -> list[Step]:
    """Run a step for each of *counts*; write ``scale-<n>x.json`` into *folder* after each.

    Raises:
        LabError: as the driver; the files of the steps before stay.

    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before anything runs
    steps = []
    for replicas in counts:
        step = step_of(replicas, await driver.step(replicas))
        content = msgspec.json.format(msgspec.json.encode(step.result), indent=1)
        write_whole(folder / f"scale-{replicas}x.json", content)
        steps.append(step)
    return steps


def step_of(replicas: int, result: RunResult) -> Step:
    """Return *result* as a step, its metrics with ``replicas`` and what follows."""
    per_s = _steady_per_s(result)
    metrics = {"replicas": float(replicas), "steady_delivered_per_s": per_s}
    jain = _jain(result)
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
    points = [ScalePoint(step.replicas, step.per_s) for step in steps]
    scaled = speed_ups(points)
    usl, told = _usl(points)
    return Series(list(steps), scaled, usl, [*told, *_remarks(steps, rate_per_s, cores)])


def _usl(points: Sequence[ScalePoint]) -> tuple[Usl | None, list[str]]:
    if len(points) < FEWEST:
        return None, [f"no scalability law is fitted: that needs {FEWEST} counts or more"]
    try:
        return fit_usl(points), []
    except LabError as error:
        return None, [f"no scalability law is fitted: {error}"]


def _remarks(steps: Sequence[Step], rate_per_s: float, cores: int | None) -> list[str]:
    found = []
    most = max(step.replicas for step in steps)
    if cores is not None and cores < most:
        found.append(
            f"this machine has {cores} cores for {most} replicas: the speed-up is that of "
            "workers that wait for receivers, not of CPU"
        )
    free = [f"{step.replicas}x" for step in steps if step.per_s >= ALL_DONE * rate_per_s]
    if free:
        found.append(
            f"at {', '.join(free)} everything offered ({rate_per_s:.0f}/s) was delivered: there "
            "the load is the limit, and the speed-up at least what is told"
        )
    found += _waiting(steps) + _busy(steps)
    bad = [step for step in steps if step.result.verdict is Verdict.INVALID]
    found += [f"{one.replicas}x is INVALID: {'; '.join(one.result.reasons)}" for one in bad]
    return found


def _waiting(steps: Sequence[Step]) -> list[str]:
    used = {one.replicas: one.result.metrics.get("slots_used_share", 1.0) for one in steps}
    idle = [f"{n}x {100 * share:.0f} %" for n, share in used.items() if share < WELL_USED]
    if not idle:
        return []
    return [
        f"workers had webhooks in {', '.join(idle)} of their slots: what feeds them was the "
        "limit, not they. With RabbitMQ a worker of few slots holds one message at a time, of "
        "the webhooks that were committed together"
    ]


def _busy(steps: Sequence[Step]) -> list[str]:
    shares = {one.replicas: one.result.metrics.get("host_cpu_share", 0.0) for one in steps}
    busy = [f"{n}x" for n, share in shares.items() if share > BUSY]
    if not busy:
        return []
    return [f"at {', '.join(busy)} this machine's CPU was used up: repeat it on a quiet one"]


def _steady_per_s(result: RunResult) -> float:
    """Return the mean of the load's seconds without the first ones."""
    seconds = [one.delivered for one in seconds_under_load(result) if one.at_s >= EDGE_S]
    # The last one may be cut short by the end of the load.
    return fmean(seconds[:-1]) if len(seconds) > 1 else 0.0


def _jain(result: RunResult) -> float | None:
    rows = next((table.rows for table in result.tables if table.name == TAKES), [])
    taken = [float(row[1]) for row in rows if row[1] is not None]
    return jain_index(taken) if taken else None
