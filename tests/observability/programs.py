"""Prometheus' own programs: found, in CI installed, else a reason to skip."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

PROGRAMS = {
    "promtool": ("promtool",),
    "prometheus": ("prometheus",),
    "amtool": ("amtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
}
"""Every name under which a distribution may have the program."""
PACKAGES = ("prometheus", "prometheus-alertmanager")
HOW_TO = f"install {' and '.join(PACKAGES)} (Debian's names)"


def program(name: str) -> Path:
    """Return where *name* is; skips the test without it, or with ``CI=true`` installs it."""
    found = _find(name)
    if found is None and os.environ.get("CI") == "true":
        _install()
        found = _find(name)
        if found is None:
            raise RuntimeError(f"{name} is not there after installing; in CI this is not skipped")
    if found is None:
        pytest.skip(f"{name} is missing. Tests of rules and dashboards need it: {HOW_TO}")
    return found


def _find(name: str) -> Path | None:
    for known in PROGRAMS[name]:
        if found := shutil.which(known):
            return Path(found)
    return None


@cache
def _install() -> None:
    """Install the packages: a bare Debian machine, as root."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RuntimeError(f"not root on Debian, so nothing can be installed: {HOW_TO}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, env=quiet)
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *PACKAGES]
    subprocess.run(command, check=True, env=quiet)


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run *name* to its end and return what it said; its exit code is the caller's matter."""
    command = [str(program(name)), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
