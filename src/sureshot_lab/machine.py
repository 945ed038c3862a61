"""What this machine is: the ground every figure stands on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import subprocess
from pathlib import Path

import psutil

CPU_FILE = Path("/proc/cpuinfo")


def describe() -> dict[str, str | int | float]:
    """Return cpu, cores, memory_bytes, kernel, python, and a fingerprint of them all.

    Two results with one fingerprint may be compared; the host's name is not in it.
    """
    facts: dict[str, str | int | float] = {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
    told = "|".join(f"{key}={_coarse(value)}" for key, value in sorted(facts.items()))
    facts["fingerprint"] = hashlib.sha256(told.encode()).hexdigest()[:12]
    return facts


def revision(folder: Path | None = None) -> str:
    """Return the commit the code is at, with ``+`` when it was changed; empty outside git."""
    where = folder or Path(__file__).parent
    try:
        name = _git(where, "rev-parse", "--short=12", "HEAD")
        changed = _git(where, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return name + ("+" if changed else "")


def _git(where: Path, *arguments: str) -> str:
    command = ["git", "-C", str(where), *arguments]
    return subprocess.run(  # noqa: S603 - fixed arguments
        command, check=True, capture_output=True, text=True, timeout=10
    ).stdout.strip()


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        for line in CPU_FILE.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _coarse(value: str | float) -> str | int | float:
    """Round memory to GiB: a few pages more or less are the same machine."""
    return round(value / (1 << 30)) if isinstance(value, int) and value > 1 << 30 else value
