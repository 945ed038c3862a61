"""What a machine gives a service of a run's own: ports, and a disk that fills up."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sureshot_lab.errors import LabError


def free_port() -> int:
    """Return a port nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(count: int) -> int:
    """Return the first of *count* ports in a row nothing listens on."""
    while True:
        first = free_port()
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError, OverflowError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int | None) -> Iterator[None]:
    """Put a file system of *size_bytes* at *folder* meanwhile."""
    folder.mkdir(exist_ok=True)
    if size_bytes is None:
        yield
        return
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        raise LabError("a full disk needs a small file system of its own: run this as root")
    options = ["-t", "tmpfs", "-o", f"size={size_bytes}", "sureshot-lab", str(folder)]
    made = subprocess.run([mount, *options], capture_output=True, text=True)  # noqa: S603, PLW1510
    if made.returncode:
        raise LabError(f"no file system of {size_bytes} bytes: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run([umount, "-l", str(folder)], check=True)  # noqa: S603 - found above
