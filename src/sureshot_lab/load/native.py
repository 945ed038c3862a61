"""The laboratory's own generator: processes that send on a schedule, and what they measured."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from sureshot_lab.errors import LabError
from sureshot_lab.load.draws import thresholds
from sureshot_lab.load.generator_process import (
    END_WITHIN_S,
    GeneratorProcess,
    generator_processes,
)
from sureshot_lab.load.offer import Offer, Offered, Watch, refuse_unusable
from sureshot_lab.load.totals import Totals
from sureshot_lab.load.wire import Done, Second, Start, Task
from sureshot_lab.result import Interval

NOTICE_S = 0.1
"""From the order to start to the start: every process has read it by then."""

LOOK_UP_S = 1.0


async def offer_native(
    offer: Offer,
    folder: Path,
    *,
    watch: Watch | None = None,
    stop: asyncio.Event | None = None,
    start_at_s: float | None = None,
) -> Offered:
    """Offer *offer* from processes of our own and return what came of it.

    It begins at *start_at_s*, seconds since the epoch; now if None. When *stop* is
    set nothing more is sent, answers have a second to arrive, and what was measured
    is returned. In *folder* remain, of each process, ``generator-<n>.ids`` (the
    accepted ids, one a line) and ``generator-<n>.log``. The processes are gone when
    this returns or raises, also when it is cancelled; they end by themselves when
    this process is killed.

    Raises:
        LabError: the offer can't be carried out, its host is not known, or a
            generator process died.

    """
    refuse_unusable(offer)
    address = await _address(offer.base_url)
    async with generator_processes(offer.generators, folder) as processes:
        for process in processes:
            process.tell(_task(offer, address, process))
        for process in processes:
            await process.ready()
        start = _start(start_at_s)
        for process in processes:
            process.tell(start)
        run = _Run(processes, watch)
        await run.follow(stop)
        return run.offered(start.epoch_s)


class _Run:
    """What *processes* tell, put together while it happens."""

    def __init__(self, processes: list[GeneratorProcess], watch: Watch | None) -> None:
        self._processes = processes
        self._watch = watch
        self._totals = Totals(len(processes))
        self._stopped = False
        self._death = ""

    async def follow(self, stop: asyncio.Event | None) -> None:
        """Listen until every process has ended; raises ``LabError`` if one died."""
        async with asyncio.TaskGroup() as beside:
            heeding = None if stop is None else beside.create_task(self._heed(stop))
            async with asyncio.TaskGroup() as listening:
                for process in self._processes:
                    listening.create_task(self._listen(process))
            if heeding is not None:
                heeding.cancel()
        if self._death:
            raise LabError(self._death)
        self._show(self._totals.rest())

    async def _listen(self, process: GeneratorProcess) -> None:
        async for line in process.lines():
            if isinstance(line, Second):
                self._totals.add(process.number, line)
                self._show(self._totals.over())
        if process.done is None and not self._stopped:
            self._death = self._death or await process.death()
            self._end()

    async def _heed(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopped = True
        self._end()
        await asyncio.sleep(END_WITHIN_S)
        for process in self._processes:
            process.kill()

    def _end(self) -> None:
        for process in self._processes:
            process.end()

    def _show(self, intervals: Iterable[Interval]) -> None:
        for interval in intervals:
            if self._watch is not None:
                self._watch(interval)

    def offered(self, started_at_s: float) -> Offered:
        """Return everything, once ``follow`` has."""
        last_words = [
            process.done or Done(cpu_share=0.0, wall_s=0.0) for process in self._processes
        ]
        seconds = self._totals.intervals
        ids = [one for process in self._processes for one in _lines(process.accepted)]
        return Offered(
            engine="native",
            version=version("sureshot"),
            started_at_s=started_at_s,
            wall_s=max(done.wall_s for done in last_words),
            cpu_shares=[done.cpu_share for done in last_words],
            latencies_us=self._totals.latencies_us,
            service_us=self._totals.service_us,
            refused_us=self._totals.refused_us,
            lags_us=self._totals.lags_us,
            intervals=seconds,
            errors=self._totals.errors,
            intended=sum(second.intended for second in seconds),
            sent=sum(second.sent for second in seconds),
            accepted=sum(second.succeeded for second in seconds),
            failed=sum(second.failed for second in seconds),
            dropped=sum(second.dropped for second in seconds),
            accepted_ids=ids,
            stopped_early=self._stopped,
            files={process.accepted.name: process.accepted for process in self._processes},
        )


async def _address(base_url: str) -> tuple[str, int]:
    """Return where *base_url* is: of several addresses the first that answers."""
    parts = urlsplit(base_url)
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise LabError(f"{base_url}: the name {host} is not known ({error.strerror})") from None
    addresses = [str(place[0]) for _family, _type, _proto, _name, place in found]
    for address in addresses if len(addresses) > 1 else ():
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LOOK_UP_S):
                _reader, writer = await asyncio.open_connection(address, port)
            writer.close()
            return address, port
    return addresses[0], port


def _task(offer: Offer, address: tuple[str, int], process: GeneratorProcess) -> Task:
    each, over = divmod(offer.connections, offer.generators)
    return Task(
        index=process.number,
        generators=offer.generators,
        base_url=offer.base_url,
        address=address,
        tokens=offer.tokens or [offer.token],
        places=offer.places,
        ends=thresholds(offer.weights),
        payloads=offer.payloads,
        stages=offer.stages,
        run=offer.run,
        seed=offer.seed,
        model=offer.model,
        connections=each + (process.number < over),
        worst_s=offer.worst_s,
        accepted=str(process.accepted.resolve()),
    )


def _start(start_at_s: float | None) -> Start:
    """Return the moment to begin by both clocks, far enough ahead that all hear of it before."""
    epoch_s, now_s = time.time(), time.monotonic()
    ahead_s = max(NOTICE_S, (start_at_s or epoch_s) - epoch_s)
    return Start(now_s + ahead_s, epoch_s + ahead_s)


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines() if path.exists() else []
