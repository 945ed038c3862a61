"""Our own ``result.json`` in the shape of every other file."""

from __future__ import annotations

from pathlib import Path

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.readers.reading import Kind, Latencies, Reading, label_of
from sureshot_lab.result import FILE, RunResult, Verdict, read_result


def read_own(path: Path) -> Reading:
    """Read a result, *path* being the file or its run's folder; raises ``UnreadableResult``."""
    file = path / FILE if path.is_dir() else path
    result = read_result(file)
    metrics = result.metrics
    requests = int(metrics.get("requests", 0))
    if not requests:
        raise UnreadableResult(f"{file} holds no requests: nothing was sent in this run")
    failed = metrics.get("failed_requests")
    duration_s = _duration_s(result)
    rate_per_s = metrics.get("achieved_per_s")
    if rate_per_s is None and duration_s:
        rate_per_s = requests / duration_s
    return Reading(
        source=file,
        kind=Kind.RESULT,
        label=label_of(file),
        requests=requests,
        failed_requests=None if failed is None else int(failed),
        duration_s=duration_s,
        rate_per_s=rate_per_s,
        latency=_latencies(result),
        thresholds=_gates(result),
        dropped=int(metrics.get("dropped_requests", 0)),
        metrics=metrics,
        notes=_notes(result),
        # A scenario that breaks the service on purpose is not held to what it does not claim.
        held_to=frozenset(gate.name for gate in result.gates),
    )


def _gates(result: RunResult) -> dict[str, bool]:
    gates = {
        f"{gate.name}: {gate.metric} {gate.comparison} {gate.limit:g}": gate.passed
        for gate in result.gates
        if gate.passed is not None
    }
    return {**gates, "verdict: PASS": result.verdict is Verdict.PASS}


def _duration_s(result: RunResult) -> float | None:
    if result.intervals:
        return result.intervals[-1].at_s + 1 - result.intervals[0].at_s
    conditions = result.conditions
    return (conditions.finished_at - conditions.started_at).total_seconds() or None


def _latencies(result: RunResult) -> Latencies:
    whole = result.latencies.get("submission")
    if whole:
        return Latencies(
            whole.mean_s, whole.p50_s, whole.p90_s, whole.p95_s, whole.p99_s, whole.max_s
        )
    told = result.metrics.get
    return Latencies(
        p50_s=told("submission_p50_s"),
        p95_s=told("submission_p95_s"),
        p99_s=told("submission_p99_s"),
        max_s=told("submission_max_s"),
    )


def _notes(result: RunResult) -> tuple[str, ...]:
    notes = [f"the run's verdict is {result.verdict}", *result.reasons]
    if result.verdict is Verdict.INVALID:
        notes.append("an invalid run says nothing about the service, good or bad")
    if result.partial:
        notes.append("the run was stopped early; the figures are of its part")
    return tuple(notes)
