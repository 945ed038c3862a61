"""The same backlog emptied by one, two, four workers: the drain rate against workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sureshot_lab.analysis.wording import number, percent
from sureshot_lab.result import RunResult
from sureshot_lab.scale.kept import keep
from sureshot_lab.scale.limits import busy_machine, few_cores, idle_slots, not_valid
from sureshot_lab.scale.offered import RECEIVER_S
from sureshot_lab.scale.series import Series, Step, jain_of, law_of

FEEDS = "The scheduler leases a backlog in batches, and the queue carries them"
AT_LIMIT = 0.9
"""Workers that do this share of what their slots allow are the limit themselves."""


class Driver(Protocol):
    """What builds a backlog and has so many workers empty it."""

    async def step(self, workers: int, queue: str = "rabbitmq") -> RunResult:
        """Return the result. Raises ``LabError``."""
        ...


@dataclass(frozen=True)
class QueueSeries:
    """Each count of workers with RabbitMQ, and one worker with the queue in memory beside it."""

    series: Series
    memory: Step | None
    verdict: str


async def run_series(
    driver: Driver, workers: Sequence[int], folder: Path, *, memory: bool = True,
    say: Callable[[str], None] = lambda _text: None,
) -> tuple[list[Step], Step | None]:  # fmt: skip
    """Empty the backlog with each count; write ``queue-<n>x.json`` into *folder* after each.

    *memory*: also with one worker and the queue in memory, ``queue-memory.json``.

    Raises:
        LabError: as the driver; the files of the steps before stay.

    """
    beside = None
    if memory:
        say("1 worker, queue in memory")
        beside = drained_step(1, await driver.step(1, "memory"))
        keep(folder, "queue-memory", beside.result)
    steps = []
    for count in workers:
        say(f"{count} workers, RabbitMQ")
        steps.append(drained_step(count, await driver.step(count)))
        keep(folder, f"queue-{count}x", steps[-1].result)
    return steps, beside


def drained_step(workers: int, result: RunResult) -> Step:
    """Return *result* as a step of a series."""
    return Step(workers, result, result.metrics.get("drained_per_s", 0.0), jain_of(result))


def analyse(
    steps: Sequence[Step], memory: Step | None, slots: int, cores: int | None
) -> QueueSeries:
    """Return speed-up, efficiency and law of the drain rate; *slots* of each worker.

    Raises:
        LabError: nothing was drained at the smallest count.

    """
    results = {f"{step.replicas}x": step.result for step in steps}
    remarks = few_cores(max(step.replicas for step in steps), cores, "workers")
    remarks += [*_limit(steps, slots), *idle_slots(results, FEEDS), *busy_machine(results)]
    every = results if memory is None else {**results, "queue in memory": memory.result}
    series = law_of(steps, [*remarks, *_left(every), *not_valid(every)])
    return QueueSeries(series, memory, _verdict(series, memory))


def _limit(steps: Sequence[Step], slots: int) -> list[str]:
    """Say what set the rate: workers whose slots were all in use, or something else."""
    most = {step.replicas: step.replicas * slots / RECEIVER_S for step in steps}
    full = [f"{s.replicas}x" for s in steps if s.per_s >= AT_LIMIT * most[s.replicas]]
    below = [
        f"{s.replicas}x {percent(s.per_s / most[s.replicas])}"
        for s in steps
        if s.per_s < AT_LIMIT * most[s.replicas]
    ]
    found = []
    if full:
        found.append(
            f"at {', '.join(full)} the workers' slots set the rate: {slots} of each, "
            f"{1000 * RECEIVER_S:.0f} ms a receiver"
        )
    if below:
        found.append(f"of what the slots allow was drained: {', '.join(below)}")
    return found


def _left(results: dict[str, RunResult]) -> list[str]:
    """Say where not all arrived, or not all of the backlog is gone."""
    return [
        f"{name} did not end empty: {one.metrics.get('backlog_left', 0):.0f} in the backlog, "
        f"{one.metrics.get('queue_left', 0):.0f} in the queue, "
        f"{one.metrics.get('lost', 0):.0f} lost"
        for name, one in results.items()
        if any(one.metrics.get(n, 0) for n in ("backlog_left", "queue_left", "lost"))
    ]


def _verdict(series: Series, memory: Step | None) -> str:
    first, last = series.scaled[0], series.scaled[-1]
    said = f"{first.n:.0f} workers drain {number(first.per_s)}/s"
    if last.n > first.n:
        said += (
            f", {last.n:.0f} drain {number(last.per_s)}/s: {number(last.speed_up)} times as much "
            f"with {number(last.n / first.n)} times the workers, efficiency "
            f"{percent(last.efficiency)}"
        )
    if memory is not None:
        said += f"; 1 with the queue in memory {number(memory.per_s)}/s"
    return said.replace("1 workers drain", "1 worker drains", 1) + "."
