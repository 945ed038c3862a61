"""Whether the limits are set: the run's gates, and the alerts that come of the same targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sureshot_lab.checks.check import Check, Subject
from sureshot_lab.checks.plan import Plan
from sureshot_lab.errors import LabError
from sureshot_lab.runs.outcome import gates_of
from sureshot_lab.targets import load_targets

WRITE = "`python -m sureshot_lab.observability.rules` writes them anew"

TARGETS = Subject("targets", "Targets")
GATES = Subject("gates", "Gates of the scenario")
RULES = Subject("alert-rules", "Alert rules")


def check_targets() -> Check:
    """Read the file that gates and alerts are made from."""
    try:
        targets = load_targets()
    except LabError as error:
        return TARGETS.failed(str(error))
    return TARGETS.ok(
        f"targets.toml: {len(targets.target)} targets, {len(targets.resource)} resources with an "
        "alert"
    )


def check_gates(plan: Plan) -> Check:
    """Look whether the scenario asks for anything: without a gate every run is INVALID."""
    try:
        gates = gates_of(plan.scenario)
    except LabError as error:
        return GATES.failed(str(error))
    if not gates:
        return GATES.failed(
            "the scenario has no gate, so its runs are INVALID", "name some under [gates] targets"
        )
    return GATES.ok(", ".join(gate.name for gate in gates))


def check_rules(folder: Path) -> Check:
    """Compare the alert rules with those of today's targets; where their pages are may differ."""
    if not folder.is_dir():
        return RULES.not_applicable(f"there is no {folder}")
    try:
        stale = _stale(folder)
    except ModuleNotFoundError as error:
        return RULES.not_applicable(f"{error.name} is not installed, so {folder} was not read")
    if stale:
        return RULES.failed(f"{', '.join(stale)} in {folder}: not what targets.toml says", WRITE)
    return RULES.ok(f"{folder} is what targets.toml says")


def _stale(folder: Path) -> list[str]:
    """Return the names of the rule files that are missing or say something else."""
    from sureshot_lab.observability.rules import files  # noqa: PLC0415 - PyYAML is optional

    targets = load_targets()
    current = {
        "recording.yml": files.recording_file(targets),
        "alerts.yml": files.alert_file(files.alert_groups(targets)),
    }
    return [name for name, text in current.items() if _rules(folder / name) != _read(text)]


def _rules(path: Path) -> Any:
    """Return what a file holds, None for one that cannot be read or holds no rules."""
    try:
        return _read(path.read_text())
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return None


def _read(text: str) -> Any:
    """Return rules as Prometheus reads them, without where their runbooks are."""
    import yaml  # noqa: PLC0415 - as above

    try:
        told = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    for group in told["groups"]:
        for rule in group["rules"]:
            rule.get("annotations", {}).pop("runbook_url", None)
    return told
