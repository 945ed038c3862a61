"""What a machine gives a service of a run's own: ports, and a disk that fills up."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
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


class Disk:
    """A small file system in memory, mounted at ``folder``."""

    def __init__(self, folder: Path, size_bytes: int, mount: str) -> None:
        self.folder = folder
        self._size_bytes = size_bytes
        self._mount = mount

    def mount(self) -> None:
        """Put it there. Raises ``LabError`` when the machine refuses."""
        self._run("-t", "tmpfs", "-o", f"size={self._size_bytes}", "sureshot-lab")

    def grow(self, times: int) -> None:
        """Make it that many times as large, in use. Raises ``LabError`` as ``mount``."""
        self._size_bytes *= times
        self._run("-o", f"remount,size={self._size_bytes}")

    def _run(self, *options: str) -> None:
        command = [self._mount, *options, str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603, PLW1510
        if done.returncode:
            raise LabError(f"no file system of {self._size_bytes} bytes: {done.stderr.strip()}")


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Disk]:
    """Put a file system of *size_bytes* at *folder* meanwhile; ``LabError`` unless root."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        raise LabError("a full disk needs a small file system of its own: run this as root")
    folder.mkdir(exist_ok=True)
    disk = Disk(folder, size_bytes, mount)
    disk.mount()
    try:
        yield disk
    finally:
        subprocess.run([umount, "-l", str(folder)], check=True)  # noqa: S603 - found above


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """Yield an empty folder that other users reach too; it is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="sureshot-lab-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder
