"""Baselines: what a scenario came to on a machine at a revision, kept to compare later runs with.

One JSON file each: ``<folder>/<scenario>/<fingerprint>/<revision>.json``.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median

import msgspec

from sureshot_lab.analysis.comparability import says_nothing
from sureshot_lab.analysis.comparison import (
    FEWEST,
    Answer,
    Comparison,
    compare_all,
    more_is_better,
)
from sureshot_lab.analysis.wording import change, told, unit_of
from sureshot_lab.errors import LabError, UnreadableResult
from sureshot_lab.result import RunResult

KEY_METRICS = (
    "throughput_per_min",
    "submission_p50_s",
    "submission_p99_s",
    "end_to_end_p95_s",
    "queue_latency_p99_s",
    "service_cpu_us_per_webhook",
    "service_rss_max_bytes",
)
"""What is compared unless told otherwise."""
OUTSIDE = 0.10
"""So far beyond every repetition of the baseline is a single run told to be different."""
UNKNOWN = "unknown"
NOT_IN_NAMES = re.compile(r"[^\w.+-]")


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """Repetitions of one scenario in one place. ``metrics``: a value of each run that has it."""

    scenario: str
    size: str
    environment: str
    engine: str
    fingerprint: str
    revision: str
    finished_at: datetime
    runs: list[str]
    metrics: dict[str, list[float]]
    machine: dict[str, str | int | float]

    @property
    def repetitions(self) -> int:
        """How many runs it is made of."""
        return len(self.runs)


def baseline_of(results: Sequence[RunResult]) -> Baseline:
    """Return the baseline that *results* make, repetitions of one thing.

    Raises:
        LabError: no runs, an INVALID or partial one, or runs that differ in scenario, size,
            environment, engine, machine or revision.

    """
    if not results:
        raise LabError("a baseline is made of one run or more")
    for result in results:
        if says_nothing(result):
            raise LabError(f"run {result.id} is invalid or was stopped: it is no baseline")
    if len({_identity(result) for result in results}) > 1:
        raise LabError(
            "these runs differ in scenario, size, environment, engine, machine or revision: "
            "they are not one baseline"
        )
    first = results[0]
    names = sorted({name for result in results for name in result.metrics})
    scenario, size, environment, engine, fingerprint, revision = _identity(first)
    return Baseline(
        scenario=scenario,
        size=size,
        environment=environment,
        engine=engine,
        fingerprint=fingerprint,
        revision=revision,
        finished_at=max(result.conditions.finished_at for result in results),
        runs=[result.id for result in results],
        metrics={
            name: [result.metrics[name] for result in results if name in result.metrics]
            for name in names
        },
        machine=first.conditions.machine,
    )


def save_baseline(folder: Path, baseline: Baseline) -> Path:
    """Write *baseline* in one step and return its file; one of the same place is replaced."""
    path = _path(folder, baseline.scenario, baseline.fingerprint, baseline.revision)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(baseline), indent=1))
    draft.replace(path)
    return path


def list_baselines(folder: Path) -> list[Baseline]:
    """Return every baseline under *folder*, the newest first; none when it does not exist.

    Raises:
        UnreadableResult: a file is not a baseline.

    """
    found = [_read(path) for path in folder.glob("*/*/*.json")]
    return sorted(found, key=lambda baseline: baseline.finished_at, reverse=True)


def load_baseline(
    folder: Path, scenario: str, fingerprint: str, revision: str | None = None
) -> Baseline:
    """Return the baseline of a scenario on a machine: of *revision*, or the newest.

    Raises:
        UnreadableResult: there is none; what there is, is told.

    """
    if revision is not None:
        return _read(_path(folder, scenario, fingerprint, revision))
    of_scenario = [one for one in list_baselines(folder) if one.scenario == scenario]
    here = [one for one in of_scenario if one.fingerprint == fingerprint]
    if here:
        return here[0]
    elsewhere = ", ".join(sorted({one.fingerprint for one in of_scenario}))
    told_more = f"; there are some of the machines {elsewhere}" if elsewhere else ""
    raise UnreadableResult(f"{scenario} has no baseline on this machine ({fingerprint}){told_more}")


def compare_with_baseline(
    baseline: Baseline, results: Sequence[RunResult], metrics: Iterable[str] = KEY_METRICS
) -> list[Comparison]:
    """Compare runs (B) with the baseline (A), by each of *metrics* that both have.

    Four repetitions of each are tested. Fewer runs against a baseline of four or more are
    called different only when they lie more than ``OUTSIDE`` beyond all of its values, and
    p is not told (nan). A baseline of fewer answers that they are too few.

    Raises:
        LabError: no runs, INVALID or partial ones, or runs of another scenario, size,
            environment, engine or machine.

    """
    if not results:
        raise LabError("there is no run to compare with the baseline")
    ours = (
        baseline.scenario,
        baseline.size,
        baseline.environment,
        baseline.engine,
        baseline.fingerprint,
    )
    for result in results:
        if says_nothing(result):
            raise LabError(
                f"run {result.id} is invalid or was stopped: it says nothing about the service"
            )
        if _identity(result)[:5] != ours:
            raise LabError(
                f"run {result.id} is of {' '.join(_identity(result)[:5])}, the baseline of "
                f"{' '.join(ours)}: they cannot be compared"
            )
    before = {name: baseline.metrics.get(name, []) for name in metrics}
    now = {name: [r.metrics[name] for r in results if name in r.metrics] for name in before}
    return [
        _outside(one, before[one.metric], now[one.metric])
        if one.answer is Answer.TOO_FEW and len(before[one.metric]) >= FEWEST
        else one
        for one in compare_all(before, now)
    ]


def _outside(compared: Comparison, a: Sequence[float], b: Sequence[float]) -> Comparison:
    """Return the answer that too few repetitions allow: beyond everything seen before, or not."""
    name = compared.metric
    above = min(b) > max(a) * (1 + OUTSIDE)
    below = max(b) < min(a) * (1 - OUTSIDE)
    unit = unit_of(name)
    seen = f"{told(min(a), unit)} to {told(max(a), unit)}"
    if not above and not below:
        answer, how = Answer.NO_DIFFERENCE, "within what the baseline has seen"
    else:
        answer = Answer.BETTER if above == more_is_better(name) else Answer.WORSE
        how = f"{change(compared.change.value)}, beyond all the baseline has seen"
    return dataclasses.replace(
        compared,
        answer=answer,
        p=math.nan,
        sentence=f"{how} ({seen} in {len(a)} runs, {told(median(b), unit)} now)",
    )


def _identity(result: RunResult) -> tuple[str, str, str, str, str, str]:
    conditions = result.conditions
    return (
        result.scenario,
        conditions.size,
        conditions.environment,
        conditions.engine,
        str(conditions.machine.get("fingerprint", UNKNOWN)),
        conditions.revision,
    )


def _path(folder: Path, scenario: str, fingerprint: str, revision: str) -> Path:
    parts = [NOT_IN_NAMES.sub("_", part) or UNKNOWN for part in (scenario, fingerprint, revision)]
    return folder / parts[0] / parts[1] / f"{parts[2]}.json"


def _read(path: Path) -> Baseline:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Baseline)
    except FileNotFoundError:
        raise UnreadableResult(f"{path} does not exist: no baseline was saved there") from None
    except (msgspec.DecodeError, OSError) as error:
        raise UnreadableResult(f"{path} is not a baseline: {error}") from None
