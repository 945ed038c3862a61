"""A panel: a chart over time, a single figure, or a table, with where its limits are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboard_builders
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
JOB = 'job="$job",namespace=~"$namespace"'
PROCESS = f'{JOB},instance=~"$instance"'
ALERTING = 'service="sureshot",namespace=~"$namespace|"'
"""Alerts of the chosen deployments, and those that no namespace is known of."""
WINDOW = "$__rate_interval"

GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
Panel = timeseries.Panel | stat.Panel | table.Panel


class Query(msgspec.Struct, frozen=True):
    """An expression, and what its series are called: ``{{label}}`` stands for a label's value."""

    expression: str
    legend: str


class Step(msgspec.Struct, frozen=True):
    """From ``value`` on, in the panel's unit, a figure and the chart's line are of ``color``."""

    value: float
    color: str


def chart(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    steps: Sequence[Step] = (),
    stacked: bool = False,
    width: int = 8,
    apart: str = "",
) -> timeseries.Panel:
    """Return a chart of *queries*; each of *steps* is a dashed line.

    *apart* is the least time between two points, ``1h``, of what is dear to evaluate.
    """
    panel = timeseries.Panel().title(title).description(description).datasource(SOURCE)
    panel.unit(unit).span(width).height(8).line_width(1).fill_opacity(5).axis_soft_min(0)
    panel.legend(_legend()).tooltip(_tooltip()).targets(_targets(queries))
    if apart:
        panel.interval(apart)
    if steps:
        panel.thresholds(_thresholds(steps)).thresholds_style(_dashed())
    if stacked:
        panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL))
        panel.fill_opacity(40)
    return panel


def figure(
    title: str,
    description: str,
    unit: str,
    expression: str,
    *,
    steps: Sequence[Step] = (),
    first: str = GREEN,
    width: int = 4,
) -> stat.Panel:
    """Return the last value of *expression*; it is of the colour *first* below all *steps*."""
    panel = stat.Panel().title(title).description(description).datasource(SOURCE)
    panel.unit(unit).span(width).height(4).targets(_targets([Query(expression, title)]))
    panel.color_mode(common.BigValueColorMode.VALUE).graph_mode(common.BigValueGraphMode.AREA)
    panel.thresholds(_thresholds(steps, first))
    panel.color_scheme(dashboard_builders.FieldColor().mode(FieldColorModeId.THRESHOLDS))
    return panel


def listing(title: str, description: str, expression: str, *, width: int = 24) -> table.Panel:
    """Return a table of what *expression* is now, a row for each series."""
    query = _target(Query(expression, ""), 0).instant().format(PromQueryFormat.TABLE)
    panel = table.Panel().title(title).description(description).datasource(SOURCE)
    return panel.unit("short").span(width).height(8).with_target(query)


def below(limit: float, alert: float | None = None, hard: float | None = None) -> list[Step]:
    """Return steps for a value that is to stay below *limit*."""
    steps = [Step(limit, YELLOW if alert is not None else RED)]
    if alert is not None:
        steps.append(Step(alert, ORANGE))
    if hard is not None:
        steps.append(Step(hard, RED))
    return steps


def above(limit: float) -> list[Step]:
    """Return steps for a value that is to stay above *limit*."""
    return [Step(limit, GREEN)]


def _targets(queries: Sequence[Query]) -> list[Builder[Dataquery]]:
    return [_target(query, place) for place, query in enumerate(queries)]


def _target(query: Query, place: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expression).legend_format(query.legend)
    return target.range().ref_id(chr(ord("A") + place)).datasource(SOURCE)


def _thresholds(steps: Sequence[Step], first: str = GREEN) -> dashboard_builders.ThresholdsConfig:
    values = [Threshold(None, first), *(Threshold(step.value, step.color) for step in steps)]
    return dashboard_builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(values)


def _dashed() -> common_builders.GraphThresholdsStyleConfig:
    style = common.GraphThresholdsStyleMode.DASHED
    return common_builders.GraphThresholdsStyleConfig().mode(style)


def _legend() -> common_builders.VizLegendOptions:
    legend = common_builders.VizLegendOptions().show_legend(True)
    legend.display_mode(common.LegendDisplayMode.LIST).placement(common.LegendPlacement.BOTTOM)
    return legend.calcs(["lastNotNull", "max"])


def _tooltip() -> common_builders.VizTooltipOptions:
    tooltip = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    return tooltip.sort(common.SortOrder.DESCENDING)
