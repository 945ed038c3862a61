"""The resources dashboard: each resource of targets.toml with its three lines, and its causes."""

from __future__ import annotations

from sureshot_lab.observability.dashboards.board import Board, Row
from sureshot_lab.observability.dashboards.panel import (
    JOB,
    PROCESS,
    RED,
    WINDOW,
    Panel,
    Query,
    Step,
    below,
    chart,
    figure,
)
from sureshot_lab.observability.expressions import quantile, resource_expression
from sureshot_lab.observability.rules.processes import DESCRIPTORS_SHARE
from sureshot_lab.targets import Resource, Targets

UNITS = {"share": "percentunit", "bytes": "bytes"}
"""Grafana's names for the targets' units; any other is a plain number."""
LINES = "Lines: target, alert, limit."


def resources(targets: Targets) -> Board:
    """Return the dashboard."""
    return Board(
        uid="sureshot-resources",
        title="Sureshot resources",
        description="CPU, memory, connections and queue against target, alert and limit.",
        rows=[
            Row("Now", [_figure(resource) for resource in targets.resource]),
            Row("Against their limits", [_chart(resource) for resource in targets.resource]),
            Row("Behind them", [*_processes(), *_connections()]),
        ],
    )


def _unit(resource: Resource) -> str:
    return UNITS.get(resource.unit, "short")


def _steps(resource: Resource) -> list[Step]:
    return below(resource.target, resource.alert, resource.limit)


def _of_deployment(expression: str) -> bool:
    return expression.startswith(("sum(", "max("))


def _figure(resource: Resource) -> Panel:
    expression = resource_expression(resource, labels=JOB, window=WINDOW)
    if not _of_deployment(expression):
        expression = f"max({expression})"
    return figure(resource.title, f"The highest of all processes. {LINES}", _unit(resource),
                  expression, steps=_steps(resource), width=6)  # fmt: skip


def _chart(resource: Resource) -> Panel:
    expression = resource_expression(resource, labels=PROCESS, window=WINDOW)
    legend = resource.title if _of_deployment(expression) else "{{instance}}"
    whose = "Of the whole deployment" if _of_deployment(expression) else "Of each process"
    return chart(resource.title, f"{whose}. {LINES}", _unit(resource), Query(expression, legend),
                 steps=_steps(resource), width=12)  # fmt: skip


def _processes() -> list[Panel]:
    return [
        chart("Memory slope", "Growth over an hour; not distinguishable from zero at an even "
              "load.", "Bps", Query(f"deriv(process_resident_memory_bytes{{{PROCESS}}}[1h])",
                                    "{{instance}}")),
        chart("File descriptors", "In use, of those allowed; a request in flight takes one.",
              "percentunit",
              Query(f"process_open_fds{{{PROCESS}}} / process_max_fds{{{PROCESS}}}",
                    "{{instance}}"), steps=[Step(DESCRIPTORS_SHARE, RED)]),
        chart("Restarts", "Starts of a process within half an hour.", "short",
              Query(f"changes(process_start_time_seconds{{{PROCESS}}}[30m])", "{{instance}}"),
              steps=[Step(3, RED)]),
        chart("Event loop lag", "How late what is due runs, p99 of each process: what holds the "
              "loop, or the host.", "s",
              Query(quantile(0.99, "sureshot_event_loop_lag_seconds", labels=PROCESS,
                             window=WINDOW, by="instance"), "{{instance}}")),
    ]  # fmt: skip


def _connections() -> list[Panel]:
    return [
        chart("Database connections by process", "Open now.", "short",
              Query(f"sureshot_database_connections{{{PROCESS}}}", "{{instance}}"), stacked=True),
        chart("Broker connections by process", "Open now; none with the queue in memory.", "short",
              Query(f"sureshot_broker_connections{{{PROCESS}}}", "{{instance}}"), stacked=True),
        chart("Heartbeat", "1 while the database heard of a process in the last 3 s.", "short",
              Query(f"sureshot_heartbeat_recent{{{PROCESS}}}", "{{instance}}")),
    ]  # fmt: skip
