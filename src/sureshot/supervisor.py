"""Several processes on one machine, as one deployment: started, kept alive, more or fewer."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field

from sureshot.telemetry.logging import get_logger

READY_WITHIN_S = 60.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
HEALTHY_AFTER_S = 10.0
"""A child that lived this long is restarted without a pause when it dies."""
STOP_ORDER = ("api", "all", "scheduler", "worker")
PR_SET_PDEATHSIG = 1

log = get_logger()

Command = Callable[[str, int, int], Sequence[str]]
"""Gives the command line of a child: of its role, its number and its ready file descriptor."""


@dataclass
class Child:
    """A place in the deployment, and the process that fills it now."""

    role: str
    number: int
    process: asyncio.subprocess.Process | None = None
    wanted: bool = True
    rolling: bool = False
    keeper: asyncio.Task[None] | None = field(default=None, repr=False)


class Supervisor:
    """Starts one child for each role in *roles*, restarts what dies, rolls one by one.

    Children inherit *pass_fds*; each writes a byte to its ready descriptor once
    it serves.
    """

    def __init__(self, roles: Sequence[str], command: Command, pass_fds: Sequence[int]) -> None:
        self._command = command
        self._pass_fds = tuple(pass_fds)
        self.children = [Child(role, number) for number, role in enumerate(roles)]
        self._leaving: dict[int, asyncio.Task[None]] = {}
        self._stopping = False

    async def start(self) -> None:
        """Start every child; return when all are ready. Raises ``TimeoutError``."""
        await asyncio.gather(*(self._fill(child) for child in self.children))
        for child in self.children:
            child.keeper = asyncio.get_running_loop().create_task(self._keep(child))

    async def roll(self) -> None:
        """Replace every child, one after the other: the new one is ready before the old stops."""
        for child in list(self.children):
            if self._stopping:
                return
            if not child.wanted or child.keeper is None:
                continue  # it leaves, or is just starting
            old = child.process
            child.rolling = True
            try:
                await self._fill(child)
                await _end(old)
            except TimeoutError:
                # The new one does not come up: the old one, if it lives, goes on.
                log.exception("supervisor.roll_failed", role=child.role)
                if child.process is not old:
                    await _end(child.process)
                    child.process = old
            else:
                log.info("supervisor.rolled", role=child.role, number=child.number)
            finally:
                child.rolling = False

    def count(self, role: str) -> int:
        """Return how many children of *role* there are, those that are still starting too."""
        return sum(1 for child in self.children if child.role == role)

    async def add(self, role: str) -> None:
        """Start one more child of *role*; return when it is ready. Raises ``TimeoutError``."""
        taken = {child.number for child in self.children} | self._leaving.keys()
        number = next(n for n in range(len(taken) + 1) if n not in taken)
        child = Child(role, number)
        self.children.append(child)
        try:
            await self._fill(child)
        except BaseException:
            self.children.remove(child)
            await _end(child.process)
            raise
        child.keeper = asyncio.get_running_loop().create_task(self._keep(child))

    def remove(self, role: str) -> None:
        """Have the youngest child of *role* drain and leave; nothing when none can be spared."""
        for child in reversed(self.children):
            if child.role == role and child.keeper is not None and not child.rolling:
                child.wanted = False
                self.children.remove(child)
                leaving = asyncio.get_running_loop().create_task(self._leave(child))
                self._leaving[child.number] = leaving
                return

    async def _leave(self, child: Child) -> None:
        try:
            # Its keeper may be just replacing a process that died: until it has noticed.
            while child.keeper is not None and not child.keeper.done():
                await _end(child.process)
                await asyncio.sleep(FIRST_PAUSE_S)
        finally:
            del self._leaving[child.number]
        log.info("supervisor.removed", role=child.role, number=child.number)

    async def stop(self) -> None:
        """Stop the API first, workers last, each with time to drain."""
        self._stopping = True
        for child in self.children:
            child.wanted = False
        for role in STOP_ORDER:
            await asyncio.gather(*(_end(c.process) for c in self.children if c.role == role))
        # Told once already: a second signal would end them in the middle of it.
        await asyncio.gather(*self._leaving.values())
        keepers = [child.keeper for child in self.children if child.keeper is not None]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)

    def dump(self) -> None:
        """Have every child write down what it is doing."""
        for child in self.children:
            if child.process is not None and child.process.returncode is None:
                child.process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        """End every child at once."""
        for child in self.children:
            if child.process is not None and child.process.returncode is None:
                child.process.kill()

    async def _fill(self, child: Child) -> None:
        """Start a process for *child* and wait until it is ready; raises ``TimeoutError``."""
        try:
            process, reading = await self._fork(child)
        except (OSError, subprocess.SubprocessError) as error:
            # Short of memory, processes or descriptors: a reason to try again later.
            raise TimeoutError(f"the {child.role} process cannot be started: {error}") from error
        child.process = process
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                ready = await _read_byte(reading)
        finally:
            os.close(reading)
        if not ready:
            raise TimeoutError(f"the {child.role} process ended before it was ready")
        log.info("supervisor.ready", role=child.role, number=child.number, pid=process.pid)

    async def _fork(self, child: Child) -> tuple[asyncio.subprocess.Process, int]:
        """Return the new process, and the descriptor it writes to once it is ready."""
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(child.role, child.number, writing),
                pass_fds=(*self._pass_fds, writing),
                preexec_fn=_begin_child,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return process, reading

    async def _keep(self, child: Child) -> None:
        """Restart *child* whenever it dies, with growing pauses while it keeps dying."""
        loop = asyncio.get_running_loop()
        pause_s = FIRST_PAUSE_S
        began_s = loop.time()
        while True:
            process = child.process
            if process is not None:
                await process.wait()
            if not child.wanted:
                return
            if child.rolling or child.process is not process:
                await asyncio.sleep(FIRST_PAUSE_S)
                continue
            if loop.time() - began_s > HEALTHY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            code = None if process is None else process.returncode
            log.warning("supervisor.died", role=child.role, code=code, again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            if not child.wanted:
                return
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            began_s = loop.time()
            try:
                await self._fill(child)
            except TimeoutError as error:
                log.warning("supervisor.not_ready", role=child.role, reason=str(error))


async def _end(process: asyncio.subprocess.Process | None) -> None:
    if process is not None and process.returncode is None:
        process.terminate()
        await process.wait()


async def _read_byte(descriptor: int) -> bytes:
    """Return the byte written to the pipe, or nothing when its other end was closed."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[None] = loop.create_future()
    os.set_blocking(descriptor, False)
    loop.add_reader(descriptor, _settle, arrived)
    try:
        await arrived
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, 1)


def _settle(arrived: asyncio.Future[None]) -> None:
    if not arrived.done():
        arrived.set_result(None)


def _begin_child() -> None:
    """Have the kernel end this child when the supervisor is gone, however it went.

    Being asked what it is at does not end it either, before it can answer.
    """
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def supervise(
    supervisor: Supervisor,
    ready: Callable[[], None],
    beside: Callable[[], Coroutine[None, None, None]] | None = None,
) -> int:
    """Run until SIGTERM or SIGINT, *beside* too once all is ready; SIGHUP rolls.

    Return the exit code. A second signal kills every child at once.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    rolls: set[asyncio.Task[None]] = set()

    def on_stop() -> None:
        if stop.is_set():
            supervisor.kill()
            os._exit(1)
        stop.set()

    def on_roll() -> None:
        if not rolls:
            task = loop.create_task(supervisor.roll())
            rolls.add(task)
            task.add_done_callback(rolls.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_stop)
    loop.add_signal_handler(signal.SIGHUP, on_roll)
    loop.add_signal_handler(signal.SIGUSR1, supervisor.dump)
    try:
        await supervisor.start()
    except TimeoutError as error:
        log.error("supervisor.not_started", reason=str(error))  # noqa: TRY400 - a sentence says it
        await supervisor.stop()
        return 1
    ready()
    tasks = [] if beside is None else [loop.create_task(beside())]
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await supervisor.stop()
    return 0
