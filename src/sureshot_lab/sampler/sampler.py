"""The sampler: every source read once a second, from before a run until after its end."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sureshot_lab.errors import LabError
from sureshot_lab.result import Sample
from sureshot_lab.sampler.source import Source, sentence

READ_TIMEOUT_S = 15.0
PATIENCE = 0.5
"""Share of a period that a sample waits for its sources; slower ones come with a later sample."""
SHORTEST = 0.25
"""Share of a period that is too short for a sample: a late one is skipped, never caught up."""
LAST_PATIENCE_S = 2.0
LAST_AFTER_S = 0.5
"""The last sample keeps this distance: the kernel counts CPU in steps of 10 ms."""

Watch = Callable[[Sample], None]
"""Told each sample as soon as it is taken, for a live view; what it raises is only logged."""


@dataclass
class _Watched:
    """A source, its read under way, and how its reads went so far."""

    source: Source
    reading: asyncio.Task[dict[str, float]] | None = None
    reads: int = 0
    failures: int = 0
    first_failure: str = ""
    first_failure_at_s: float = 0.0

    def begin(self) -> None:
        """Begin a read, unless one is under way."""
        if self.reading is None:
            self.reading = asyncio.create_task(_read(self.source), name=self.source.name)

    def collect(self, at_s: float) -> dict[str, float]:
        """Return what the read brought; nothing while it goes on, or when it failed."""
        reading = self.reading
        if reading is None or not reading.done():
            return {}
        self.reading = None
        self.reads += 1
        error = TimeoutError() if reading.cancelled() else reading.exception()
        if error is None:
            return reading.result()
        if not self.failures:
            self.first_failure, self.first_failure_at_s = sentence(error), at_s
        self.failures += 1
        return {}

    async def close(self, at_s: float) -> None:
        """Give up the read under way and let the source go."""
        if self.reading is not None:
            self.reading.cancel()
            await asyncio.wait([self.reading])
            self.collect(at_s)
        await self.source.close()


class Sampler:
    """Reads *sources* every ``every_s`` as a task of the running loop.

    Samples are taken at whole periods since the start; one that comes too late
    is skipped, so that time never drifts. A source that is slow or fails is left
    out of a sample and asked again at the next; it never ends the run.
    ``sampler.lag_s`` tells how late a sample was: how long the loop was busy.
    """

    def __init__(
        self, sources: Sequence[Source], every_s: float = 1.0, watch: Watch | None = None
    ) -> None:
        if every_s <= 0:
            raise LabError(f"a sampler cannot look every {every_s:g} s; use a number above 0")
        self.every_s = every_s
        self.samples: list[Sample] = []
        self.started_at: datetime | None = None
        self._watched = [_Watched(source) for source in sources]
        self._watch = watch
        self._start_s = 0.0
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the first sample, from which rates count, and go on until ``stop``.

        ``started_at``, and ``at_s`` of all samples, count from now.
        """
        self._start_s, self.started_at = time.monotonic(), datetime.now(UTC)
        await self._look(self._start_s, PATIENCE * self.every_s)
        self._task = asyncio.create_task(self._run(), name="sampler")

    async def stop(self) -> list[Sample]:
        """Take a last sample, close the sources, and return all samples; a repeat returns them."""
        if self._task is None:
            return self.samples
        self._stop.set()
        await self._task
        self._task = None
        since_s = time.monotonic() - self._start_s - self.samples[-1].at_s
        await asyncio.sleep(max(0.0, min(LAST_AFTER_S, self.every_s / 2) - since_s))
        await self._look(time.monotonic(), LAST_PATIENCE_S, last=True)
        closing = [watched.close(self.samples[-1].at_s) for watched in self._watched]
        await asyncio.gather(*closing, return_exceptions=True)
        return self.samples

    @property
    def problems(self) -> list[str]:
        """One sentence for each source that failed, with how often and when first."""
        return [
            f"{watched.source.name}: failed {watched.failures} of {watched.reads} reads, "
            f"first {watched.first_failure_at_s:.1f} s after the start: {watched.first_failure}"
            for watched in self._watched
            if watched.failures
        ]

    async def _run(self) -> None:
        number = 1
        while not await self._stopped_before(self._start_s + number * self.every_s):
            await self._look(self._start_s + number * self.every_s, PATIENCE * self.every_s)
            number = max(number + 1, math.ceil(self._periods() + SHORTEST))

    def _periods(self) -> float:
        return (time.monotonic() - self._start_s) / self.every_s

    async def _stopped_before(self, until_s: float) -> bool:
        """Wait until that time or the stop; return whether it was the stop."""
        try:
            async with asyncio.timeout(max(0.0, until_s - time.monotonic())):
                return await self._stop.wait()
        except TimeoutError:
            return False

    async def _look(self, intended_s: float, patience_s: float, *, last: bool = False) -> None:
        """Take one sample: of every source that answers within *patience_s*.

        Only the *last* one waits for reads that began with an earlier one.
        """
        now_s = time.monotonic()
        at_s = now_s - self._start_s
        fresh = [one for one in self._watched if last or one.reading is None]
        for watched in fresh:
            watched.begin()
        if reading := [one.reading for one in fresh if one.reading is not None]:
            await asyncio.wait(reading, timeout=patience_s)
        values = {"sampler.lag_s": max(0.0, now_s - intended_s)}
        for watched in self._watched:
            values |= watched.collect(at_s)
        sample = Sample(at_s=at_s, values=values)
        self.samples.append(sample)
        if self._watch is not None:
            # By the loop, so that an error of a view cannot end the sampling.
            asyncio.get_running_loop().call_soon(self._watch, sample)


async def _read(source: Source) -> dict[str, float]:
    async with asyncio.timeout(READ_TIMEOUT_S):
        return await source.read()
