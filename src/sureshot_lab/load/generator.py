"""One process of the native generator: ``python -m sureshot_lab.load.generator``.

Told what to do on its standard input, tells what came of it on its standard
output, and stops when its input ends: also when whoever started it was killed.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import time
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import msgspec
import uvloop

from sureshot_lab.load.clients import Clients
from sureshot_lab.load.closed_loop import ClosedLoop
from sureshot_lab.load.draws import Draws
from sureshot_lab.load.ledger import Ledger
from sureshot_lab.load.open_loop import OpenLoop
from sureshot_lab.load.orders import Orders, Report
from sureshot_lab.load.submissions import Submissions
from sureshot_lab.load.wire import Done, Ready, Start, Task
from sureshot_lab.scenario import Model

SWEEP_S = 0.05
LINGER_S = 1.0
"""How long answers are waited for after a stop."""

MOST_CONNECTIONS = 2000
DESCRIPTORS_OF_ITS_OWN = 32


class Generator:
    """Carries out *task*."""

    def __init__(self, task: Task, ledger: Ledger, tasks: asyncio.TaskGroup) -> None:
        parts = urlsplit(task.base_url)
        draws = Draws(task.seed, task.ends, len(task.payloads))
        self._submissions = Submissions(
            task.base_url, task.tokens, task.run, task.places, task.payloads, draws
        )
        hostname = parts.hostname if parts.scheme == "https" else None
        self._ledger = ledger
        self._clients = Clients(task.address, hostname, self._submissions, ledger, tasks)
        self._source: OpenLoop | ClosedLoop
        if task.model is Model.CLOSED:
            self._source = ClosedLoop(task, self._clients, ledger)
        else:
            self._source = OpenLoop(task, self._clients, ledger, _most_connections())
        self._clients.serve(self._source)
        self._duration_s = sum(duration_s for duration_s, _start, _end in task.stages)

    async def offer(self, start: Start, orders: Orders, report: Report) -> Done:
        """Send everything from *start* on, and return once all is answered or told to stop."""
        self._ledger.start_s = start.at_s
        self._submissions.epoch_s = start.epoch_s - start.at_s
        await orders.wait_until(start.at_s - SWEEP_S)
        cpu_s = time.process_time()
        self._source.start(start.at_s)
        end_s = start.at_s + self._duration_s
        share = None
        now_s = time.monotonic()
        while not orders.stopped and (now_s < end_s or self._under_way()):
            await asyncio.sleep(SWEEP_S)
            now_s = time.monotonic()
            self._sweep(now_s, report)
            if share is None and now_s >= end_s:
                share = (time.process_time() - cpu_s) / (now_s - start.at_s)
        if orders.stopped:
            end_s = time.monotonic()
            await self._linger()
        if share is None:
            share = (time.process_time() - cpu_s) / max(SWEEP_S, time.monotonic() - start.at_s)
        wall_s = max(self._ledger.last_s, end_s) - start.at_s
        return Done(cpu_share=share, wall_s=max(0.0, wall_s))

    def end(self, report: Report) -> None:
        """Cut the connections and tell what was not told."""
        self._source.stop()
        self._clients.close("stopped")
        for second in self._ledger.tell_rest():
            report.tell(second)
        self._refuse_unwritten()

    def _under_way(self) -> bool:
        return bool(self._clients.busy) or not self._source.finished

    def _sweep(self, now_s: float, report: Report) -> None:
        self._source.sweep(now_s)
        self._clients.time_out(now_s)
        noted_s = min(now_s, self._source.noted_until_s)
        for second in self._ledger.tell_over(noted_s, len(self._clients.busy)):
            report.tell(second)
        self._refuse_unwritten()

    def _refuse_unwritten(self) -> None:
        """End at once when ids are lost: the figures would be wrong."""
        if self._ledger.unwritten is not None:
            raise SystemExit(f"accepted ids can't be written: {self._ledger.unwritten}")

    async def _linger(self) -> None:
        self._source.stop()
        until_s = time.monotonic() + LINGER_S
        while self._clients.busy and time.monotonic() < until_s:  # noqa: ASYNC110 - many to watch
            await asyncio.sleep(SWEEP_S / 5)


async def run(task: Task, accepted: BinaryIO) -> None:
    """Carry out *task* and tell everything about it; the accepted ids go to *accepted*."""
    loop = asyncio.get_running_loop()
    orders, report = Orders(), Report()
    await loop.connect_read_pipe(lambda: orders, sys.stdin)
    await loop.connect_write_pipe(lambda: report, sys.stdout)
    ledger = Ledger(accepted, apart=task.model is Model.OPEN)
    async with asyncio.TaskGroup() as tasks:
        generator = Generator(task, ledger, tasks)
        # What lives as long as the process need not be looked at for garbage again.
        gc.freeze()
        report.tell(Ready())
        start = await orders.started
        if start is not None:
            done = await generator.offer(start, orders, report)
            generator.end(report)
            report.tell(done)
    await report.end()


def _most_connections() -> int:
    """Return how many connections there may be, after asking for as many as are allowed."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + DESCRIPTORS_OF_ITS_OWN
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed - DESCRIPTORS_OF_ITS_OWN


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    with Path(given.accepted).open("wb") as ids:
        uvloop.run(run(given, ids))
