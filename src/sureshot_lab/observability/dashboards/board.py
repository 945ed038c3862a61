"""A dashboard: rows of panels laid out on Grafana's grid of 24 columns, with its variables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import msgspec
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from sureshot_lab.observability.dashboards.panel import ALERTING, SOURCE, Panel

COLUMNS = 24
TAG = "sureshot"
SCHEMA_VERSION = 39
"""Grafana 11.1's; an older one would be migrated at every load."""


class Row(msgspec.Struct, frozen=True):
    """Panels under a heading, side by side until the columns are used up."""

    title: str
    panels: Sequence[Panel]


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A choice above the dashboard: the values a label has on a metric.

    ``first`` is chosen at the beginning; of ``several`` all are.
    """

    name: str
    label: str
    description: str
    query: str
    several: bool = False
    first: str = ""


JOBS = Variable(
    name="job",
    label="Job",
    description="The job of Prometheus that scrapes the service",
    query="label_values(sureshot_backlog, job)",
    first="sureshot",
)
NAMESPACES = Variable(
    name="namespace",
    label="Namespace",
    description="Deployments of a cluster that has several; else there is no choice",
    query='label_values(sureshot_backlog{job="$job"}, namespace)',
    several=True,
)
INSTANCES = Variable(
    name="instance",
    label="Process",
    description="Processes; figures of the whole deployment do not depend on it",
    query='label_values(sureshot_backlog{job="$job",namespace=~"$namespace"}, instance)',
    several=True,
)


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard; ``uid`` is its address for good."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = (JOBS, NAMESPACES, INSTANCES)
    since: str = "now-1h"

    def text(self) -> str:
        """Return the dashboard as the JSON that Grafana's provisioning reads."""
        built = self._builder().build()
        built.schema_version = SCHEMA_VERSION
        for variable in built.templating.list_val or []:
            # Of intervals alone; Grafana's own types have them on no other variable.
            variable.auto = variable.auto_min = variable.auto_count = None
        return json.dumps(built, cls=JSONEncoder, indent=2) + "\n"

    def _builder(self) -> builders.Dashboard:
        board = builders.Dashboard(self.title).uid(self.uid).description(self.description)
        board.tags([TAG]).time(self.since, "now").refresh("10s").timezone("browser").editable()
        board.tooltip(DashboardCursorSync.CROSSHAIR).link(_siblings()).variables(
            [_source(), *(_variable(variable) for variable in self.variables)]
        )
        board.annotation(_alerts())
        for part in _placed(self.rows):
            if isinstance(part, builders.Row):
                board.with_row(part)
            else:
                board.with_panel(part)
        return board


def _placed(rows: Sequence[Row]) -> Iterator[builders.Row | Panel]:
    """Yield headings and panels with their ids and places."""
    number, top = 0, 0
    for row in rows:
        number += 1
        yield builders.Row(row.title).id(number).grid_pos(GridPos(1, COLUMNS, 0, top))
        top, left, lowest = top + 1, 0, 0
        for panel in row.panels:
            number += 1
            size = panel.build().grid_pos
            if size is None:
                raise ValueError(f"a panel of {row.title!r} has no size")
            if left + size.w > COLUMNS:
                top, left, lowest = top + lowest, 0, 0
            yield panel.id(number).grid_pos(GridPos(size.h, size.w, left, top))
            left, lowest = left + size.w, max(lowest, size.h)
        top += lowest


def _source() -> builders.DatasourceVariable:
    source = builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return source.current(VariableOption(text="Prometheus", value="prometheus"))


def _variable(variable: Variable) -> builders.QueryVariable:
    made = builders.QueryVariable(variable.name).label(variable.label)
    made.description(variable.description).query(variable.query).datasource(SOURCE)
    made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    if variable.first:
        made.current(VariableOption(text=variable.first, value=variable.first))
    if variable.several:
        everything = VariableOption(selected=True, text=["All"], value=["$__all"])
        made.multi(True).include_all(True).all_value(".*").current(everything)
    return made


def _siblings() -> builders.DashboardLink:
    link = builders.DashboardLink("Sureshot").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.as_dropdown(True).keep_time(True).include_vars(True)


def _alerts() -> builders.AnnotationQuery:
    alerts = builders.AnnotationQuery().name("Alerts").datasource(SOURCE).icon_color("red")
    return alerts.enable(True).expr(f'ALERTS{{{ALERTING},alertstate="firing"}}')
