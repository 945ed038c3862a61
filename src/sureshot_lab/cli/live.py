"""The live view of a run: what is known of it, kept and drawn."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import typer
from rich.console import Console

from sureshot_lab.cli.printing import note
from sureshot_lab.report.live import HISTORY, LiveState, LiveView
from sureshot_lab.result import Interval, Sample
from sureshot_lab.runs.progress import Progress, silent

ENDED = 2
"""The exit code of a command that was ended at once: that of a run that proves nothing."""

T = TypeVar("T")
Tell = Callable[[Progress], None]


class Watcher:
    """Adds up what a run tells, and shows it."""

    def __init__(self, view: LiveView) -> None:
        self._view = view
        self._rates: deque[float] = deque(maxlen=HISTORY)
        self._latencies: deque[float | None] = deque(maxlen=HISTORY)
        self._phase = ""
        self._seen: Interval | None = None
        self._sums = Interval(at_s=0, intended=0, sent=0, succeeded=0, failed=0)
        self._delivered = 0.0
        self._sampled_at_s: float | None = None

    def tell(self, progress: Progress) -> None:
        """Show the run as it is now."""
        if progress.phase != self._phase:
            self._phase = progress.phase
            self._seen = None
        if progress.interval is not None and progress.interval is not self._seen:
            self._add(progress.interval)
        if progress.sample is not None:
            self._sample(progress.sample)
        self._view.update(self._state(progress))

    def _add(self, second: Interval) -> None:
        self._seen = second
        self._rates.append(float(second.sent))
        self._latencies.append(second.p99_s)
        if self._phase == "warm-up":
            return
        was = self._sums
        self._sums = Interval(
            at_s=second.at_s,
            intended=was.intended + second.intended,
            sent=was.sent + second.sent,
            succeeded=was.succeeded + second.succeeded,
            failed=was.failed + second.failed,
            dropped=was.dropped + second.dropped,
        )

    def _sample(self, sample: Sample) -> None:
        if self._sampled_at_s is not None and sample.at_s > self._sampled_at_s:
            rate = sample.values.get("metrics.delivered_per_s", 0.0)
            self._delivered += rate * (sample.at_s - self._sampled_at_s)
        self._sampled_at_s = sample.at_s

    def _state(self, progress: Progress) -> LiveState:
        second, values = progress.interval, progress.sample.values if progress.sample else {}
        return LiveState(
            scenario=progress.scenario,
            elapsed_s=min(progress.elapsed_s, progress.total_s),
            total_s=progress.total_s,
            phase=progress.phase,
            intended_per_s=float(second.intended) if second else None,
            achieved_per_s=float(second.sent) if second else None,
            accepted=self._sums.succeeded,
            delivered=round(self._delivered),
            failed=self._sums.failed,
            dropped=self._sums.dropped,
            p50_s=second.p50_s if second else None,
            p95_s=second.p95_s if second else None,
            p99_s=second.p99_s if second else None,
            in_flight=_whole(values.get("metrics.in_flight")),
            backlog=_whole(values.get("metrics.backlog")),
            queue_depth=_whole(values.get("metrics.queue_depth")),
            service_cpu_cores=values.get("service.cpu_cores", values.get("metrics.cpu_cores")),
            rss_bytes=values.get("service.rss_bytes", values.get("metrics.rss_bytes")),
            message=progress.message,
            rates_per_s=list(self._rates),
            latencies_s=list(self._latencies),
        )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


@contextlib.contextmanager
def _watching(*, quiet: bool) -> Iterator[Tell]:
    """Yield what a run is to tell; *quiet* shows nothing, for programs that read the result."""
    if quiet:
        yield silent
        return
    with LiveView(Console(highlight=False)) as view:
        yield Watcher(view).tell


async def watched(run: Callable[[Tell, asyncio.Event], Awaitable[T]], *, quiet: bool) -> T:
    """Await *run* with a live view; Ctrl-C has it stop in order, a second one at once.

    Raises ``typer.Exit`` with the code of an INVALID run when it was ended at once.
    """
    stop, at_once = asyncio.Event(), asyncio.Event()
    task = asyncio.current_task()

    def on_signal() -> None:
        if stop.is_set() and task is not None:
            at_once.set()
            task.cancel()
        else:
            note("stopping; what was measured is kept")
            stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    try:
        with _watching(quiet=quiet) as tell:
            return await run(tell, stop)
    except asyncio.CancelledError:
        if not at_once.is_set():
            raise
        note("ended at once; of what was measured only the seconds so far are kept")
        raise typer.Exit(ENDED) from None
