"""Which programs a run would use, in which versions."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator

import sureshot_lab
from sureshot_lab.checks.check import Check, Subject
from sureshot_lab.checks.plan import Plan
from sureshot_lab.errors import LabError, ToolMissing
from sureshot_lab.load.k6 import find_k6, k6_version
from sureshot_lab.machine import revision
from sureshot_lab.scenario import Kind

TIMEOUT_S = 10.0

OURS = Subject("laboratory", "Laboratory")
ENGINE = Subject("engine", "Engine")
K6 = Subject("k6", "k6")
WRK = Subject("wrk", "wrk")
NGINX = Subject("nginx", "nginx")


def check_versions(plan: Plan) -> Iterator[Check]:
    """Yield a check for each program; one that is missing fails only when the run needs it."""
    at = revision()
    yield OURS.ok(
        f"{sureshot_lab.__version__}, revision {at or 'unknown'}, "
        f"Python {platform.python_version()}"
    )
    try:
        engine = plan.engine
    except LabError as error:
        yield ENGINE.failed(str(error))
        engine = ""
    else:
        yield ENGINE.ok(f"the load will be sent by {engine}")
    yield _k6(engine)
    yield _other(
        WRK,
        "-v",
        "wrk checks what a search for the limit finds",
        plan.scenario.kind is Kind.BREAKPOINT,
    )
    yield _other(NGINX, "-v", "only `make bench` compares with nginx", needed=False)


def _k6(engine: str) -> Check:
    try:
        path = find_k6()
        return K6.ok(f"{k6_version(path)} at {path}")
    except ToolMissing as error:
        if engine == "k6":
            return K6.failed(str(error), "install it, or run with --engine native")
        return K6.not_applicable("not installed, and not needed: the laboratory sends the load")


def _other(subject: Subject, flag: str, why: str, needed: bool) -> Check:
    path = shutil.which(subject.name)
    if path is not None:
        return subject.ok(f"{_first_line(path, flag)} at {path}")
    if needed:
        return subject.warning(
            f"not installed: {why}", f"apt-get install {subject.name}, or do without"
        )
    return subject.not_applicable(f"not installed, and not needed: {why}")


def _first_line(program: str, flag: str) -> str:
    """Return what a program says of its version, wherever it says it and with whatever code."""
    try:
        done = subprocess.run(  # noqa: S603, PLW1510 - found on PATH; wrk ends with 1
            [program, flag], capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"does not run ({error})"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].partition("Copyright")[0].strip() if lines else "of unknown version"
