"""What a run leaves behind: one value every report, gate and comparison is made from.

Written as JSON to ``runs/<id>/result.json``, in snake case. Durations are
seconds, sizes bytes, rates per second, shares between 0 and 1; every name of
a metric ends in its unit.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from sureshot_lab.errors import UnreadableResult

SCHEMA = 1
FILE = "result.json"


class Verdict(StrEnum):
    """How a run ended. INVALID: it says nothing about the service."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a secret
    FAIL = "FAIL"
    INVALID = "INVALID"


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One promise held against what was measured: ``value comparison limit``.

    ``value`` and ``passed`` are None when nothing was measured.
    """

    name: str
    metric: str
    comparison: str
    limit: float
    unit: str = ""
    value: float | None = None
    passed: bool | None = None
    source: str = "sureshot"
    title: str = ""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution of seconds. ``spectrum``: (percentile 0..100, seconds), rising.

    ``hdr``: the whole histogram in microseconds, HdrHistogram V2 in base64, to merge it.
    ``intervals``: of ``p50``, ``p95`` and ``p99``, between which seconds the true one lies at
    95 % confidence; None where the sample is too small for a bound.
    """

    count: int
    mean_s: float
    p50_s: float
    p90_s: float
    p95_s: float
    p99_s: float
    p999_s: float
    max_s: float
    spectrum: list[tuple[float, float]] = []
    hdr: str = ""
    intervals: dict[str, tuple[float | None, float | None]] = {}


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """One second of load, counted by the time the requests were meant to be sent.

    ``sent`` alone is by the time they left. Latencies are None when nothing was answered.
    """

    at_s: float
    intended: int
    sent: int
    succeeded: int
    failed: int
    dropped: int = 0
    in_flight: int = 0
    delivered: int = 0
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What the sampler saw at one moment; ``values`` by names such as ``service.cpu_cores``."""

    at_s: float
    values: dict[str, float]


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """A named part of the run: warm-up, steady, spike, drain ..."""

    name: str
    start_s: float
    end_s: float


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something done to the service in the run: a fault, a restart."""

    at_s: float
    what: str


class ErrorCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often one kind of failure was seen: ``status 503``, ``timeout``, ``reset``."""

    what: str
    count: int
    first_at_s: float


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person should know: evidence, and what to change for which gain."""

    severity: str
    what: str
    evidence: str
    recommendation: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table a scenario adds: steps of a search, latencies per route."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[str | float | int | None]]


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """Under what circumstances the figures were measured.

    ``machine``: cpu, cores, memory_bytes, kernel, python, fingerprint.
    ``service``: version, profile, store, queue, durability, url, and what it is set to.
    ``tools``: versions of k6, wrk and the like, where used.
    """

    started_at: datetime
    finished_at: datetime
    scenario: str
    size: str
    engine: str
    environment: str
    target: str
    seed: int
    revision: str
    lab_version: str
    machine: dict[str, str | int | float]
    service: dict[str, Any] = {}
    tools: dict[str, str] = {}
    production: bool = False
    options: dict[str, Any] = {}


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known of one run."""

    id: str
    scenario: str
    title: str
    verdict: Verdict
    reasons: list[str]
    gates: list[Gate]
    conditions: Conditions
    metrics: dict[str, float]
    schema: int = SCHEMA
    latencies: dict[str, Latency] = {}
    intervals: list[Interval] = []
    samples: list[Sample] = []
    phases: list[Phase] = []
    events: list[Event] = []
    errors: list[ErrorCount] = []
    findings: list[Finding] = []
    tables: list[Table] = []
    files: dict[str, str] = {}
    partial: bool = False


def write_result(folder: Path, result: RunResult) -> Path:
    """Write ``result.json`` into *folder* in one step: a reader never sees half of it."""
    path = folder / FILE
    draft = folder / f".{FILE}.draft"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1))
    draft.replace(path)
    return path


def read_result(path: Path) -> RunResult:
    """Read a result; *path* is the file or the folder of the run.

    Raises:
        UnreadableResult: no such file, not JSON, cut off, or not a result.

    """
    file = path / FILE if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=RunResult)
    except FileNotFoundError:
        raise UnreadableResult(f"{file} does not exist; `sureshot lab index` lists runs") from None
    except (msgspec.DecodeError, OSError) as error:
        raise UnreadableResult(f"{file} is not a result of the laboratory: {error}") from None
