"""Runs to be, for tests: a small scenario, its folders away from everybody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sureshot_lab.checks.check import Check
from sureshot_lab.checks.plan import Plan
from sureshot_lab.checks.preflight import Preflight
from sureshot_lab.runs.options import Options
from sureshot_lab.scenario import load_scenario

BUSY = {"free-cpu", "memory", "disk"}
"""What a machine that does other things as well may fail in."""


def a_plan(
    folder: Path, changes: dict[str, Any] | None = None, *, scenario: str = "smoke", **options: Any
) -> Plan:
    """Return the small size of a scenario, changed as told; what is kept is under *folder*."""
    return Plan(
        scenario=load_scenario(scenario, smoke=True, changes=changes or {}),
        options=Options(**{"runs": folder / "runs", "engine": "native", **options}),
        baselines=folder / "baselines",
        rules=folder / "rules",
    )


def checks_of(told: Preflight) -> dict[str, Check]:
    """Return every check by its name."""
    return {check.name: check for tick in told.ticks for check in tick.checks}


def failed(told: Preflight) -> set[str]:
    """Return the names of what failed, but for what a busy machine fails in."""
    return {name for name, check in checks_of(told).items() if check.state == "failed"} - BUSY
