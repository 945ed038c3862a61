"""Every run in a folder, newest first, those that cannot be read included."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.report import run_page
from sureshot_lab.result import FILE, RunResult, Verdict, read_result

NO_RESULT = f"it has no {FILE}: the run goes on, or ended before it could write one"
TUNING = "tune.json"
"""A folder with it is no run: a tuning keeps its runs in folders of its own."""


@dataclass(frozen=True)
class Run:
    """A run that was read. ``page``: its report, or its result while it has none, relative."""

    result: RunResult
    page: str


@dataclass(frozen=True)
class Unreadable:
    """A folder that should hold a run, and why it does not."""

    name: str
    reason: str


@dataclass(frozen=True)
class Group:
    """Runs that may be compared: one scenario in one size on one machine, oldest first."""

    scenario: str
    size: str
    fingerprint: str
    runs: Sequence[RunResult]


def read_runs(folder: Path) -> tuple[list[Run], list[Unreadable]]:
    """Return the runs in *folder*, newest first, and the folders that hold none, by name."""
    runs: list[Run] = []
    unreadable: list[Unreadable] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not path.is_dir() or path.name.startswith(".") or (path / TUNING).exists():
            continue
        if not (path / FILE).exists():
            unreadable.append(Unreadable(path.name, NO_RESULT))
            continue
        try:
            result = read_result(path)
        except UnreadableResult as error:
            unreadable.append(Unreadable(path.name, str(error).replace(f"{folder}/", "")))
            continue
        page = run_page.FILE if (path / run_page.FILE).exists() else FILE
        runs.append(Run(result, f"{path.name}/{page}"))
    runs.sort(key=lambda run: run.result.conditions.started_at, reverse=True)
    return runs, unreadable


def fingerprint(result: RunResult) -> str:
    """Return which machine a run was made on."""
    return str(result.conditions.machine.get("fingerprint", "")) or "unknown"


def groups_of(runs: Iterable[Run]) -> list[Group]:
    """Return the runs that say something, in groups that may be compared."""
    found: dict[tuple[str, str, str], list[RunResult]] = {}
    for run in runs:
        result = run.result
        if result.verdict is Verdict.INVALID or result.partial:
            continue
        key = (result.scenario, result.conditions.size, fingerprint(result))
        found.setdefault(key, []).append(result)
    return [
        Group(*key, sorted(results, key=lambda result: result.conditions.started_at))
        for key, results in sorted(found.items())
    ]
