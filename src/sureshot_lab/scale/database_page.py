"""The page of a database series: cost and latency against rows, and against the pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sureshot_lab.report.axes import value_axis
from sureshot_lab.report.chart import Chart, Missing
from sureshot_lab.report.chart import Series as Line
from sureshot_lab.report.chart_grid import chart_grid
from sureshot_lab.report.figures import figure, unit_of
from sureshot_lab.report.markup import Html, section, table
from sureshot_lab.report.timeline import Point
from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.scale.about import write_series_page
from sureshot_lab.scale.database_series import DatabaseSeries, Slope, medians

FILE = "scale-database.html"
SHOWN = {
    "accepted_per_s": "Accepted",
    "delivered_per_s": "Delivered",
    "submission_p99_s": "Submission p99",
    "service_cpu_us_per_webhook": "Service CPU",
    "postgres_cpu_us_per_webhook": "PostgreSQL CPU",
    "database_size_max_bytes": "On disk",
}
"""Columns of a table by the metric: each the median of the runs that count."""
CHARTS = {
    "cpu_us_per_webhook": "CPU a webhook",
    "submission_p99_s": "Submission p99",
    "delivered_per_s": "Delivered",
    "database_size_max_bytes": "Size on disk",
}
PARTS = {
    "service_cpu_us_per_webhook": ("service", "teal"),
    "postgres_cpu_us_per_webhook": ("PostgreSQL", "purple"),
}
SLOPES = ("Figure", "At the shortest past", "Change for each tenfold past", "95 %", "Slower")


def columns(called: str) -> list[str]:
    """Return the titles of a table of runs by *called*: ``Rows``, ``Pool``."""
    return [called, *SHOWN.values(), "Runs", "Verdicts"]


def rows_of(runs: Mapping[int, Sequence[RunResult]]) -> list[list[str]]:
    """Return the table of *runs*, ``columns``."""
    return [
        [
            f"{count:,}",
            *(figure(medians(results, metric), unit_of(metric)) for metric in SHOWN),
            str(len(results)),
            ", ".join(dict.fromkeys(str(one.verdict) for one in results)),
        ]
        for count, results in runs.items()
    ]


def slope_cells(slope: Slope) -> list[str]:
    """Return one row of the table of slopes, ``SLOPES``."""
    found = slope.shown
    ends = f"{found.low:+z.1%} to {found.high:+z.1%}" if found.bounded else "too few runs"
    return [
        CHARTS[slope.metric],
        figure(slope.at_first, unit_of(slope.metric)),
        f"{found.value:+z.1%}",
        ends,
        str(slope.slowed),
    ]


def write_page(folder: Path, series: DatabaseSeries) -> Path:
    """Write ``scale-database.html`` into *folder*."""
    first = next(iter(series.by_rows.values()))[0]
    slopes = [slope_cells(one) for one in series.slopes]
    return write_series_page(
        folder / FILE, "Database scaling", series.verdict, series.remarks, first,
        section(
            "rows", "By rows", _charts(series.by_rows, "finished webhooks", spread=True),
            table(columns("Rows"), rows_of(series.by_rows), numeric=range(8)),
        ),
        section("slopes", "What a longer past costs", table(SLOPES, slopes, numeric=(1, 2, 3)))
        if slopes else None,
        section(
            "pool", "By connections of the pool", _charts(series.by_pool, "connections"),
            table(columns("Pool"), rows_of(series.by_pool), numeric=range(8)),
        )
        if series.by_pool else None,
    )  # fmt: skip


def _charts(runs: Mapping[int, Sequence[RunResult]], called: str, *, spread: bool = False) -> Html:
    return chart_grid(_chart(runs, metric, called, spread=spread) for metric in CHARTS)


def _chart(
    runs: Mapping[int, Sequence[RunResult]], metric: str, called: str, *, spread: bool
) -> Chart | Missing:
    """Return a dot for each run that counts, and a line through their medians."""
    title = f"{CHARTS[metric]} by {called}"
    dots: list[Point] = [
        (float(count), one.metrics[metric])
        for count, results in runs.items()
        for one in results
        if metric in one.metrics and one.verdict is not Verdict.INVALID
    ]
    if not dots:
        return Missing(title, "no run that counts has it")
    lines = [
        *(
            [_line(runs, name, *of) for name, of in PARTS.items()]
            if metric.startswith("cpu")
            else []
        ),
        _line(runs, metric, "median", "blue"),
        Line("runs", dots, "orange", width=6.0, dots=True),
    ]
    shown = [line for line in lines if line.known]
    unit = unit_of(metric)
    return Chart(
        title=title,
        x=value_axis([float(count) for count in runs], "count", called, spread=spread),
        y=value_axis([value for line in shown for _at, value in line.known], unit, ""),
        unit=unit,
        series=shown,
        told=lambda at: f"{at:,.0f} {called}",
    )


def _line(runs: Mapping[int, Sequence[RunResult]], metric: str, name: str, colour: str) -> Line:
    points = [(float(count), medians(results, metric)) for count, results in runs.items()]
    return Line(name, points, colour)
