"""The page of a queue series: drain rate against workers, and each backlog as it empties."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sureshot_lab.analysis.wording import number, percent
from sureshot_lab.report.axes import time_axis, value_axis
from sureshot_lab.report.chart import Chart
from sureshot_lab.report.chart import Series as Line
from sureshot_lab.report.chart_grid import chart_grid
from sureshot_lab.report.figures import clock, figure
from sureshot_lab.report.markup import section, table
from sureshot_lab.report.timeline import Point
from sureshot_lab.result import RunResult
from sureshot_lab.scale.about import write_series_page
from sureshot_lab.scale.law_charts import law_charts, law_in_words
from sureshot_lab.scale.page import slots_used
from sureshot_lab.scale.queue_series import QueueSeries
from sureshot_lab.scale.series import Step

FILE = "scale-queue.html"
COLUMNS = (
    "Workers", "Queue", "Drained", "Speed-up", "Efficiency", "Empty after", "Jain", "Slots used",
    "Left", "Lost", "Verdict",
)  # fmt: skip
COLOURS = ("blue", "orange", "teal", "purple", "pink", "yellow", "red")


def rows_of(found: QueueSeries) -> list[list[str]]:
    """Return the table, ``COLUMNS``: RabbitMQ by workers, and the queue in memory last."""
    rows = [
        _cells(step, "RabbitMQ", number(one.speed_up), percent(one.efficiency))
        for one, step in zip(found.series.scaled, found.series.steps, strict=True)
    ]
    return rows if found.memory is None else [*rows, _cells(found.memory, "memory", "-", "-")]


def write_page(folder: Path, found: QueueSeries) -> Path:
    """Write ``scale-queue.html`` into *folder*."""
    series = found.series
    law = law_in_words(series, "workers")
    charts = [*law_charts(series, "workers", "Drained"), _emptying(found)]
    return write_series_page(
        folder / FILE, "Queue scaling", found.verdict, series.remarks, series.steps[0].result,
        section("charts", "By workers", chart_grid(charts)),
        section("steps", "Steps", table(COLUMNS, rows_of(found), numeric=(0, *range(2, 10)))),
        None if law is None else section("law", "The law", law),
    )  # fmt: skip


def waiting(result: RunResult) -> list[Point]:
    """Return how many webhooks had not arrived yet, by seconds since sending was resumed."""
    resumed_at_s = result.metrics.get("resumed_at_s", 0.0)
    left = result.metrics.get("backlog_built", 0.0)
    points: list[Point] = [(0.0, left)]
    for one in result.intervals:
        # A second counts where it ends; the one sending was resumed in may have begun before.
        end_s = one.at_s + 1 - resumed_at_s
        if end_s > 0:
            left -= one.delivered
            points.append((end_s, left))
    return points


def _cells(step: Step, queue: str, speed_up: str, efficiency: str) -> list[str]:
    metrics = step.result.metrics
    left = metrics.get("backlog_left", 0.0) + metrics.get("queue_left", 0.0)
    return [
        str(step.replicas),
        queue,
        figure(step.per_s, "per_s"),
        speed_up,
        efficiency,
        figure(metrics.get("emptied_after_s"), "s"),
        "-" if step.jain is None else f"{step.jain:.3f}",
        slots_used(step),
        figure(left),
        figure(metrics.get("lost")),
        str(step.result.verdict),
    ]


def _emptying(found: QueueSeries) -> Chart:
    named = [(f"{step.replicas} workers", step.result) for step in found.series.steps]
    if found.memory is not None:
        named.append(("1, queue in memory", found.memory.result))
    lines = [
        Line(name.replace("1 workers", "1 worker"), waiting(one), colour)
        for (name, one), colour in zip(named, COLOURS, strict=False)
    ]
    return Chart(
        title="Webhooks that have not arrived",
        x=time_axis(0.0, max(_moments(lines), default=1.0)),
        y=value_axis([value for line in lines for _at, value in line.known], "count", ""),
        unit="count",
        series=lines,
        told=clock,
        note="Time counts from the moment sending was resumed.",
    )


def _moments(lines: Sequence[Line]) -> list[float]:
    return [at for line in lines for at, _value in line.points]
