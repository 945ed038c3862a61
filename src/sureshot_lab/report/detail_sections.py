"""The rest of a page: events, latencies, errors, the scenario's tables, conditions, all figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sureshot_lab.report.chart_grid import chart_grid
from sureshot_lab.report.figures import between, clock, figure, instant, named, number, unit_of
from sureshot_lab.report.markup import (
    Child,
    Html,
    bullets,
    element,
    join,
    link,
    pairs,
    section,
    table,
)
from sureshot_lab.report.run_charts import flags
from sureshot_lab.report.table_charts import table_charts
from sureshot_lab.report.titles import latency_title, title_of
from sureshot_lab.result import Conditions, Latency, RunResult, Table

Cell = str | float | int | None
INTERVAL = re.compile(r"[\d.,e-]+ to ([\d.,e-]+|\?)")
INTERVALS = (
    "The interval of a percentile holds the true one at 95 % confidence, by the requests of this "
    "run alone; runs differ by more."
)


def events(result: RunResult) -> Html | None:
    """Return phases and events with the numbers that the charts show; None without any."""
    if not result.phases and not result.events:
        return None
    phases = [
        join(
            [
                element("time", f"{clock(p.start_s)} to {clock(p.end_s)}", class_="span"),
                element("span", p.name),
            ]
        )
        for p in result.phases
    ]
    happened = [
        join(
            [
                element("b", str(flag.number), class_="flag"),
                element("time", clock(flag.at)),
                element("span", flag.text),
            ]
        )
        for flag in flags(result)
    ]
    return element(
        "div",
        bullets(happened, "events") if happened else None,
        bullets(phases, "events") if phases else None,
        class_="happened",
    )


def latency_table(result: RunResult) -> Html | None:
    """Return the percentiles of everything that was timed; None when nothing was."""
    if not result.latencies:
        return None
    rows: list[list[Child]] = [
        [
            latency_title(name),
            number(told.count),
            figure(told.mean_s, "s"),
            _bounded(told.p50_s, told, "p50"),
            figure(told.p90_s, "s"),
            _bounded(told.p95_s, told, "p95"),
            _bounded(told.p99_s, told, "p99"),
            figure(told.p999_s, "s"),
            figure(told.max_s, "s"),
        ]
        for name, told in result.latencies.items()
    ]
    columns = ["", "Count", "Mean", "p50", "p90", "p95", "p99", "p99.9", "Max"]
    shown = table(columns, rows, numeric=range(1, len(columns)))
    if not any(told.intervals for told in result.latencies.values()):
        return shown
    return join([shown, element("p", INTERVALS, class_="meta under")])


def _bounded(value_s: float, told: Latency, name: str) -> Html:
    """Return a percentile with the interval it lies in below it."""
    interval = between(told.intervals.get(name), "s")
    below = element("span", interval, class_="sub") if interval else None
    return join([element("span", figure(value_s, "s")), below])


def error_table(result: RunResult) -> Html | None:
    """Return the kinds of failures, most frequent first; None when nothing failed."""
    if not result.errors:
        return None
    ordered = sorted(result.errors, key=lambda error: -error.count)
    total = sum(error.count for error in ordered)
    rows = [
        [
            error.what,
            number(error.count),
            figure(error.count / total, "share") if total else "-",
            clock(error.first_at_s),
        ]
        for error in ordered
    ]
    return table(["Error", "Count", "Of all errors", "First at"], rows, numeric=(1, 2, 3))


def own_tables(result: RunResult) -> list[Html]:
    """Return the tables that the scenario adds, each a section."""
    return [_own_table(told) for told in result.tables]


def conditions(result: RunResult) -> Html:
    """Return under what circumstances the figures were measured."""
    told = result.conditions
    parts: list[Child] = [pairs(_run_facts(told))]
    for title, facts in (
        ("Machine", _facts(told.machine)),
        ("Service", _facts(told.service)),
        ("Tools", list(told.tools.items())),
        ("Options", _facts(told.options)),
    ):
        if facts:
            parts += [element("h3", title), pairs(facts)]
    return section("conditions", "Conditions", element("div", *parts, class_="card"))


def all_figures(result: RunResult) -> Html | None:
    """Return every metric by its name; None when there is none."""
    if not result.metrics:
        return None
    rows = [
        [title_of(name), named(result.metrics, name), element("code", name)]
        for name in sorted(result.metrics)
    ]
    return section(
        "figures",
        "All figures",
        element(
            "details",
            element("summary", f"{len(rows)} figures by name"),
            table(["Figure", "Value", "Name in result.json"], rows, numeric=(1,)),
        ),
    )


def files(result: RunResult, own: Mapping[str, str]) -> Html:
    """Return links to the files beside the page: *own* reports, then those of the run."""
    known = {target: what for what, target in result.files.items()}
    known |= {target: what for what, target in own.items()}
    entries = [join([link(target, target), f" - {what}"]) for target, what in known.items()]
    return section("files", "Files", bullets(entries))


def cell_text(cell: Cell, column: str) -> str:
    """Return a cell of a scenario's table; a column's name says its unit, as a metric's does."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    return figure(float(cell), unit_of(column))


def column_title(column: str) -> str:
    """Return a column's name in words if it is a metric's name, else as it is."""
    return title_of(column) if "_" in column else column


def fact_text(name: str, value: Any) -> str:
    """Return a condition's value for a person; *name* says its unit, as a metric's does."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, (int, float)):
        # A port or a seed is a number that is not counted: no thousands' separators.
        unit = unit_of(name)
        return f"{value:.12g}" if unit == "count" else figure(float(value), unit)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {fact_text(str(key), inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        nested = any(isinstance(inner, (list, tuple, Mapping)) for inner in value)
        return ("; " if nested else ", ").join(fact_text("", inner) for inner in value)
    return str(value)


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(title_of(name), fact_text(name, value)) for name, value in facts.items()]


def _run_facts(told: Conditions) -> list[tuple[str, str]]:
    return [
        ("Scenario", f"{told.scenario}, {told.size} size"),
        ("Engine", told.engine),
        ("Environment", f"{told.environment}, production" if told.production else told.environment),
        ("Target", told.target),
        ("Seed", str(told.seed)),
        ("Revision", told.revision or "unknown"),
        ("Laboratory", told.lab_version),
        ("Started", instant(told.started_at)),
        ("Finished", instant(told.finished_at)),
    ]


def _is_figure(cell: Cell) -> bool:
    """Return whether *cell* is a number, or an interval of two: ``0.41 to 0.44``."""
    return bool(INTERVAL.fullmatch(cell)) if isinstance(cell, str) else cell is not None


def _own_table(told: Table) -> Html:
    numeric = [
        index
        for index in range(len(told.columns))
        if any(_is_figure(row[index]) for row in told.rows if index < len(row))
    ]
    rows = [
        [cell_text(cell, column) for cell, column in zip(row, told.columns, strict=False)]
        for row in told.rows
    ]
    body = table([column_title(column) for column in told.columns], rows, numeric=numeric)
    if not rows:
        body = element("p", "This table is empty: the run did not get that far.")
    charts = table_charts(told)
    shown = element("div", chart_grid(charts), class_="over") if charts else None
    return section(f"table-{told.name}", told.title, shown, body)
