"""A process's state as text, for people who ask a running one what it is at: SIGUSR1."""

from __future__ import annotations

import asyncio
import faulthandler
import io
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sized
from datetime import datetime
from pathlib import Path
from typing import Any

from sureshot.telemetry.logging import get_logger

MOST_TASKS = 200
"""Of ten thousand deliveries the first say it all."""
DEEPEST = 12

log = get_logger()

Facts = Mapping[str, object]
"""Names and what is so now, in the order they are told."""


def dump_on_signal(
    loop: asyncio.AbstractEventLoop,
    folder: Path,
    now: Callable[[], datetime],
    facts: Callable[[], Facts],
) -> None:
    """Answer SIGUSR1: the stack of every thread to standard error at once, then ``write_state``.

    The stacks are written by the signal handler itself: a callback that holds the event
    loop for ever is in them, though the rest has to wait for the loop to turn.
    """
    loop.add_signal_handler(signal.SIGUSR1, lambda: write_state(folder, now(), facts))
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True, chain=True)


def write_state(folder: Path, now: datetime, facts: Callable[[], Facts]) -> None:
    """Write what ``state_text`` says to standard error and to ``state-<time>.txt`` in *folder*.

    It neither stops nor changes the process; it takes some milliseconds of the event
    loop. Webhooks' payloads and secrets are not in it. A folder that cannot be written
    is logged. A second dump in the same second replaces the first.
    """
    text = state_text(facts(), asyncio.all_tasks(), now)
    sys.stderr.write(text)
    sys.stderr.flush()
    path = folder / f"state-{now:%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        log.warning("state.not_written", path=str(path), reason=str(error))
        return
    log.warning("state.written", path=str(path))


def state_text(facts: Facts, tasks: Iterable[asyncio.Task[Any]], now: datetime) -> str:
    """Return *facts* as lines, then the batches that gather, then each task with its stack."""
    ordered = sorted(tasks, key=lambda task: task.get_name())
    out = io.StringIO()
    out.write(f"state of process {os.getpid()} at {now:%Y-%m-%d %H:%M:%S} UTC\n\n")
    out.writelines(f"{name}: {value}\n" for name, value in facts.items())
    out.write("\nbatches being written, and what gathers behind each:\n")
    out.writelines(f"  {line}\n" for line in _batches(ordered) or ["none"])
    out.write(f"\n{len(ordered)} tasks:\n")
    for task in ordered[:MOST_TASKS]:
        out.write(f"\n{task.get_name()}: {_coroutine(task)}\n")
        out.writelines(f"    {line}\n" for line in _stack(task))
    if len(ordered) > MOST_TASKS:
        out.write(f"\nand {len(ordered) - MOST_TASKS} more\n")
    return out.getvalue()


def _batches(tasks: Iterable[asyncio.Task[Any]]) -> list[str]:
    """Return a line for each task of something that holds items: who writes, how many wait."""
    lines = []
    for task in tasks:
        chain = _chain(task)
        holder = chain[0].cr_frame.f_locals.get("self") if chain and chain[0].cr_frame else None
        if isinstance(holder, Sized):
            writes = chain[1].__qualname__ if len(chain) > 1 else "nothing at present"
            lines.append(f"{type(holder).__name__}: {len(holder)} waiting, writing: {writes}")
    return lines


def _chain(task: asyncio.Task[Any]) -> list[Any]:
    """Return the task's coroutine and those it awaits, the outermost first."""
    chain: list[Any] = []
    one: Any = task.get_coro()
    # `Task.get_stack` gives the outermost alone: the rest hangs on what each awaits.
    while hasattr(one, "cr_frame") and len(chain) < DEEPEST:
        chain.append(one)
        one = one.cr_await
    return chain


def _stack(task: asyncio.Task[Any]) -> list[str]:
    return [
        f"{one.__qualname__} ({one.cr_code.co_filename}:{one.cr_frame.f_lineno})"
        for one in _chain(task)
        if one.cr_frame is not None
    ]


def _coroutine(task: asyncio.Task[Any]) -> str:
    chain = _chain(task)
    state = "done" if task.done() else "waiting" if chain and chain[-1].cr_await else "running"
    return f"{state}, {len(chain)} deep"
