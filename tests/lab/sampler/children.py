"""Processes whose use of the machine is known."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator

BURN = """
import sys, time
share, began_s = float(sys.argv[1]), time.monotonic()
print("ready", flush=True)
while True:
    if time.process_time() < share * (time.monotonic() - began_s):
        sum(range(1000))
    else:
        time.sleep(0.005)
"""
BURN_IN_THREAD = """
import sys, threading
threading.Thread(target=exec, args=({burn!r}, {{}})).start()
"""
GROW = """
import sys
held = [b"x" * int(sys.argv[1])]
print("ready", flush=True)
for line in sys.stdin:
    held.append(bytearray(b"x" * int(line)))
    print("grown", flush=True)
"""
OPEN = """
import sys, tempfile
held = [tempfile.TemporaryFile() for _ in range(int(sys.argv[1]))]
print("ready", flush=True)
sys.stdin.read()
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {burn!r}, sys.argv[1]])
child.wait()
"""


@contextlib.asynccontextmanager
async def child(code: str, argument: float) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run *code* until the block ends; yields when it has said that it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code.format(burn=BURN) if "{burn" in code else code, str(argument),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


async def grow(process: asyncio.subprocess.Process, by_bytes: int) -> None:
    """Have a ``GROW`` child take more memory."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{by_bytes}\n".encode())
    assert await process.stdout.readline() == b"grown\n"
