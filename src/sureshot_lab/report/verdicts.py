"""Gates and resources as rows of text: measured, limit, margin, status. All reports show these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sureshot_lab.report.figures import figure, limit, measured, number, short, unit_of
from sureshot_lab.result import Gate, RunResult, Verdict
from sureshot_lab.targets import Resource, load_targets

SOURCES = {"spec": "specification", "sureshot": "our own", "scenario": "this scenario"}

MANY = 10
"""From so many times the limit on, a margin is told in times and not in percent."""

MEANINGS = {
    Verdict.PASS: "Every promise this scenario holds the service to was kept.",
    Verdict.FAIL: "At least one promise was not kept.",
    Verdict.INVALID: "The run says nothing about the service, good or bad: do not use its figures.",
}

PARTIAL = "This run was stopped early. Every figure is of the part that was run."


class Status(StrEnum):
    """What is said of one gate or resource, worst first."""

    FAIL = "FAIL"
    NOT_MEASURED = "not measured"
    PASS = "PASS"  # noqa: S105 - a status, not a secret


class Level(StrEnum):
    """Where a resource's highest value lies."""

    OVER_LIMIT = "over the limit"
    ALERT = "alert"
    OVER_TARGET = "over the target"
    WITHIN = "within the target"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class GateRow:
    """One gate. ``fill``: measured as a share of the limit, 0 to 2; None when it cannot be said."""

    name: str
    title: str
    measured: str
    limit: str
    margin: str
    status: Status
    where: str
    source: str
    fill: float | None


@dataclass(frozen=True)
class ResourceRow:
    """One resource of the specification, and its highest value in the run."""

    name: str
    title: str
    target: str
    limit: str
    alert: str
    measured: str
    level: Level


def gate_rows(result: RunResult) -> list[GateRow]:
    """Return a row for each gate, in the order of the result."""
    return [gate_row(gate) for gate in result.gates]


def gate_row(gate: Gate) -> GateRow:
    """Return the row of one gate."""
    return GateRow(
        name=gate.name,
        title=gate.title or gate.name,
        measured=measured(gate),
        limit=limit(gate),
        margin=margin(gate),
        status=status(gate),
        where=_where(gate),
        source=SOURCES.get(gate.source, gate.source),
        fill=_fill(gate),
    )


def status(gate: Gate) -> Status:
    """Return whether *gate* was kept; what was not measured is neither."""
    if gate.passed is None:
        return Status.NOT_MEASURED
    return Status.PASS if gate.passed else Status.FAIL


def margin(gate: Gate) -> str:
    """Return how far from the limit: as a share of it, or in points of a share."""
    if gate.value is None or gate.passed is None:
        return "-"
    apart = abs(gate.value - gate.limit)
    if apart == 0:
        return "exactly" if gate.passed else "reaches the limit"
    if (gate.unit or unit_of(gate.metric)) == "share":
        size = f"{float(f'{apart * 100:.2g}'):g} points"
    elif gate.value >= MANY * gate.limit > 0:
        return f"{gate.value / gate.limit:.0f} times the limit"
    elif gate.limit:
        share = 100 * apart / abs(gate.limit)
        size = f"{share:.0f} %" if share >= 1 else f"{share:.1g} %"
    else:
        size = number(apart)
    return f"{size} to spare" if gate.passed else f"misses by {size}"


def resource_rows(result: RunResult) -> list[ResourceRow]:
    """Return the specification's resources; empty when the run measured none of them."""
    resources = load_targets().resource
    if not any(resource.metric in result.metrics for resource in resources):
        return []
    return [_resource_row(resource, result.metrics.get(resource.metric)) for resource in resources]


def failed_gates(gates: Iterable[Gate]) -> list[Gate]:
    """Return the gates that were missed."""
    return [gate for gate in gates if gate.passed is False]


def _resource_row(resource: Resource, value: float | None) -> ResourceRow:
    return ResourceRow(
        name=resource.name,
        title=resource.title,
        target=f"< {short(resource.target, resource.unit)}",
        limit=short(resource.limit, resource.unit),
        alert=short(resource.alert, resource.unit),
        measured="not measured" if value is None else figure(value, resource.unit),
        level=_level(resource, value),
    )


def _level(resource: Resource, value: float | None) -> Level:
    if value is None:
        return Level.NOT_MEASURED
    if value >= resource.limit:
        return Level.OVER_LIMIT
    if value >= resource.alert:
        return Level.ALERT
    return Level.OVER_TARGET if value >= resource.target else Level.WITHIN


def _where(gate: Gate) -> str:
    known = load_targets()
    for target in known.target:
        if target.name == gate.name and target.metric == gate.metric:
            return target.measured
    for resource in known.resource:
        if resource.name == gate.name and resource.metric == gate.metric:
            return f"sampler, as {resource.expression.replace('[$window]', '')}"
    return f"{gate.metric} of this run"


def _fill(gate: Gate) -> float | None:
    if gate.value is None or gate.limit <= 0 or gate.value < 0:
        return None
    return min(2.0, gate.value / gate.limit)
