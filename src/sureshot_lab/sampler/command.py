"""A program run beside the loop for what it prints, never for longer than allowed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from sureshot_lab.errors import ToolMissing
from sureshot_lab.sampler.source import SourceUnreadable


async def run_command(command: Sequence[str], timeout_s: float) -> str:
    """Return what *command* prints; it is killed when it takes longer, or nobody waits any more.

    Raises ``ToolMissing`` when there is no such program, and ``SourceUnreadable`` with
    the last line of its complaint when it fails or takes too long.
    """
    name = Path(command[0]).name
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # A group of its own: what it started must not outlive it, or keep its output open.
            start_new_session=True,
        )
    except OSError as error:
        raise ToolMissing(f"{command[0]} does not run: {error.strerror}") from None
    try:
        async with asyncio.timeout(timeout_s):
            stdout, stderr = await process.communicate()
    except TimeoutError:
        raise SourceUnreadable(f"{name} gave no answer within {timeout_s:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        told = stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise SourceUnreadable(f"{name} failed (exit code {process.returncode}): {told[-1]}")
    return stdout.decode(errors="replace")
