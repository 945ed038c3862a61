"""Sources a test has in its hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sureshot_lab.result import Sample
from sureshot_lab.sampler.source import Source
from sureshot_lab.sampler.steps import integral, steps_within


class Counting(Source):
    """Tells how often it was read; takes ``takes_s`` for it."""

    def __init__(self, name: str = "counting", takes_s: float = 0.0) -> None:
        self.name = name
        self.takes_s = takes_s
        self.reads = 0
        self.closed = False

    async def read(self) -> dict[str, float]:
        self.reads += 1
        await asyncio.sleep(self.takes_s)
        return {f"{self.name}.reads": float(self.reads)}

    async def close(self) -> None:
        self.closed = True


class Failing(Counting):
    """As ``Counting``, but fails while ``fails``."""

    def __init__(self, name: str = "failing") -> None:
        super().__init__(name)
        self.fails = True

    async def read(self) -> dict[str, float]:
        values = await super().read()
        if self.fails:
            raise ConnectionRefusedError(111, f"nobody there at read {self.reads}")
        return values


def values_of(samples: Sequence[Sample], name: str) -> list[float]:
    """Return every value of *name*, in order."""
    return [sample.values[name] for sample in samples if name in sample.values]


def count_of(samples: Sequence[Sample], rate: str) -> float:
    """Return how much a rate comes to over all samples."""
    return integral(steps_within(samples, rate, [(0.0, float("inf"))]))
