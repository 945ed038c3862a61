"""Alerts on the resources of targets.toml: CPU, memory, connections, queue depth."""

from __future__ import annotations

from sureshot_lab.observability.expressions import BY, JOB, resource_expression
from sureshot_lab.observability.rules.rule import Alert, AlertGroup, Severity, duration
from sureshot_lab.targets import Resource, Targets

WINDOW = "5m"
"""What a rate is taken over."""

HOLDS_S = {"cpu": 600.0, "memory": 300.0, "database-connections": 120.0, "queue-depth": 120.0}
PAGES = frozenset({"memory", "database-connections"})
"""Beyond these limits the system kills the process, or the database refuses connections."""

VALUES = {"share": "{{ $value | humanizePercentage }}", "bytes": "{{ $value | humanize1024 }}B"}
"""How a description shows a value of a unit; any other is a whole number."""


def resource_alerts(targets: Targets) -> AlertGroup:
    """Return an alert for each resource, at the value its ``alert`` column names."""
    return AlertGroup("sureshot-resources", [_alert(resource) for resource in targets.resource])


def amount(value: float, unit: str) -> str:
    """Return *value* as a description states it: ``85 %``, ``950 MiB``, ``5,000``."""
    if unit == "share":
        return f"{value * 100:g} %"
    if unit == "bytes":
        return f"{value / (1 << 20):,.0f} MiB"
    return f"{value:,.0f}"


def _alert(resource: Resource) -> Alert:
    name, unit = resource.name, resource.unit
    value = VALUES.get(unit, '{{ $value | printf "%.0f" }}')
    hold_s = HOLDS_S.get(name, 300.0)
    expression = resource_expression(resource, labels=JOB, window=WINDOW, by=BY)
    whose = "" if expression.startswith(("sum ", "max ")) else " of {{ $labels.instance }}"
    return Alert(
        name=f"Sureshot{name.title().replace('-', '')}High",
        expression=f"{expression} > {resource.alert:.12g}",
        severity=Severity.PAGE if name in PAGES else Severity.TICKET,
        summary=f"{resource.title} above {amount(resource.alert, unit)}",
        description=(
            f"{resource.title}{whose}: {value}, for {duration(hold_s)} above "
            f"{amount(resource.alert, unit)}. "
            f"Target {amount(resource.target, unit)}, limit {amount(resource.limit, unit)}."
        ),
        hold_s=hold_s,
    )
