"""Two builds or settings side by side: A and B run in turns, so that both see the same weather."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.progress import Progress, silent
from sureshot_lab.runs.run import run_scenario
from sureshot_lab.scenario import Scenario

SPARE = 2
"""So many invalid runs of each side are made up for by further ones."""


@dataclass
class Interleaved:
    """The valid runs of both sides, and how many had to be thrown away."""

    a: list[RunResult] = field(default_factory=list)
    b: list[RunResult] = field(default_factory=list)
    invalid: int = 0


async def interleave(
    a: Scenario, b: Scenario, options: Options, repeats: int,
    tell: Callable[[Progress], None] = silent, stop: asyncio.Event | None = None,
) -> Interleaved:  # fmt: skip
    """Run A B B A A B ...: each pair in the other order, against a drift of the machine."""
    done = Interleaved()
    stop = stop or asyncio.Event()
    for number in range(repeats + SPARE):
        sides = [(a, done.a), (b, done.b)]
        for scenario, results in sides if number % 2 == 0 else reversed(sides):
            if len(results) >= repeats or stop.is_set():
                continue
            seeded = replace(options, seed=number + 1)
            result, _folder = await run_scenario(scenario, seeded, tell, stop)
            if result.verdict is Verdict.INVALID:
                done.invalid += 1
            else:
                results.append(result)
    return done
