"""py-spy, run beside a load: it reads the stacks of processes from outside, while they work."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sureshot_lab.errors import LabError, ToolMissing
from sureshot_lab.sampler.source import sentence

RATE_PER_S = 100
ENDS_WITHIN_S = 20.0
"""After its time py-spy still has to write what it saw."""
HOW_TO = "install it with `pip install py-spy` (it is on PyPI) into this environment or the PATH"


@dataclass(frozen=True)
class Recording:
    """The stacks of one process, and the seconds each of its threads was on a CPU meanwhile."""

    path: Path
    thread_cpu_s: dict[int, float]
    seconds: float


def find_spy() -> str:
    """Return where py-spy is: beside this interpreter or on the PATH.

    Raises:
        ToolMissing: it is nowhere; the text says how to get it.

    """
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.is_file() else shutil.which("py-spy")
    if found is None:
        raise ToolMissing(f"py-spy is not installed, and a profile is made by it: {HOW_TO}")
    return found


async def record(
    spy: str, pids: Sequence[int], seconds: float, folder: Path, stop: asyncio.Event
) -> list[Recording]:
    """Record the stacks of *pids* for *seconds*, or until *stop*; return one recording of each.

    Its file holds collapsed stacks: ``thread;outermost;...;innermost count`` a line. Threads
    that wait for a socket or a lock are left out, those that wait for the disk are not: so
    how long each was on a CPU is asked of the kernel. Children are not recorded.

    Raises:
        LabError: there is nothing to record, or py-spy may not look; its words are told.

    """
    if not pids:
        raise LabError("no process of the service runs, so there is nothing to profile")
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before anything runs
    return list(
        await asyncio.gather(*(_record_one(spy, pid, seconds, folder, stop) for pid in pids))
    )


async def _record_one(
    spy: str, pid: int, seconds: float, folder: Path, stop: asyncio.Event
) -> Recording:
    path = folder / f"stacks-{pid}.txt"
    before, began_s = thread_cpu_s(pid), time.monotonic()
    process = await asyncio.create_subprocess_exec(
        spy, "record", "--pid", str(pid), "--duration", str(max(1, round(seconds))),
        "--rate", str(RATE_PER_S), "--format", "raw", "--function", "--full-filenames",
        "--threads",
        # Without, each sample would stop the service and be felt in its latency.
        "--nonblocking", "--output", str(path),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    stopping = asyncio.create_task(_end_early(process, stop))
    try:
        async with asyncio.timeout(seconds + ENDS_WITHIN_S):
            _out, told = await process.communicate()
            after, ended_s = thread_cpu_s(pid), time.monotonic()
    except TimeoutError:
        raise LabError(f"py-spy did not end within {seconds + ENDS_WITHIN_S:.0f} s") from None
    finally:
        stopping.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    if not path.exists():
        raise LabError(
            f"py-spy could not record process {pid}: {_reason(told)}; it needs the right to "
            "look into other processes (root, CAP_SYS_PTRACE or kernel.yama.ptrace_scope=0)"
        )
    return Recording(path, _risen(before, after), ended_s - began_s)


def thread_cpu_s(pid: int) -> dict[int, float]:
    """Return the seconds each thread of *pid* was on a CPU, by its id; empty when it is gone."""
    used: dict[int, float] = {}
    for task in Path(f"/proc/{pid}/task").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            used[int(task.name)] = int((task / "schedstat").read_text().split()[0]) / 1e9
    return used


def _risen(before: dict[int, float], after: dict[int, float]) -> dict[int, float]:
    return {thread: used_s - before.get(thread, 0.0) for thread, used_s in after.items()}


async def _end_early(process: asyncio.subprocess.Process, stop: asyncio.Event) -> None:
    """Have py-spy write what it has when the run is stopped."""
    await stop.wait()
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)


def _reason(told: bytes) -> str:
    """Return what py-spy said, without its progress."""
    lines = [line for line in told.decode(errors="replace").splitlines() if "rror" in line]
    return sentence(LabError(" ".join(lines[:2]) or "it said nothing"))
