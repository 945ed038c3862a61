"""Charts of the tables a scenario adds: what became of latency and rate as the load grew."""

from __future__ import annotations

from collections.abc import Sequence

from sureshot_lab.report.axes import value_axis
from sureshot_lab.report.chart import Chart, Series
from sureshot_lab.report.figures import figure, unit_of
from sureshot_lab.report.run_charts import COLOURS
from sureshot_lab.report.titles import title_of
from sureshot_lab.result import Table

FEWEST_ROWS = 3
MOST_SERIES = 4
WIDTHS = (10.0, 7.5, 5.0, 3.0)
"""Small dots on large ones: where all are in one place, all can still be seen."""
ENDINGS = {"/s": ("per_s", 1.0), " ms": ("s", 1e-3), " s": ("s", 1.0)}
"""What the title of a column ends in, with the unit and how many of it one is."""


def table_charts(told: Table) -> list[Chart]:
    """Return rates and latencies over the table's first column of rates; empty without one."""
    rates = [n for n, column in enumerate(told.columns) if _kind(column)[0] == "per_s"]
    seconds = [n for n, column in enumerate(told.columns) if _kind(column)[0] == "s"]
    if not rates or len(_points(told, rates[0], rates[0])) < FEWEST_ROWS:
        return []
    return [
        *_chart(told, rates[0], seconds[:MOST_SERIES], "Latency by rate"),
        *_chart(told, rates[0], rates[1:MOST_SERIES], "What became of the rate offered"),
    ]


def _chart(told: Table, offered: int, columns: Sequence[int], title: str) -> list[Chart]:
    # Dots, not lines: several searches try the same rates.
    series = [
        Series(_title(told, n), _points(told, offered, n), colour, width, dots=True)
        for n, colour, width in zip(columns, COLOURS, WIDTHS, strict=False)
    ]
    values = [value for line in series for _at, value in line.known]
    if not values:
        return []
    unit = _kind(told.columns[columns[0]])[0]
    x = value_axis([at for at, _ in series[0].points], "per_s", _title(told, offered).lower())
    y = value_axis(values, unit, "", spread=unit == "s")
    return [Chart(title, x, y, unit, series, lambda rate: figure(rate, "per_s"))]


def _kind(column: str) -> tuple[str, float]:
    """Return a column's unit, from its name or the end of its title, and how many one is."""
    if "_" in column:
        return unit_of(column), 1.0
    return next((kind for ending, kind in ENDINGS.items() if column.endswith(ending)), ("", 1.0))


def _title(told: Table, column: int) -> str:
    text = told.columns[column]
    if "_" in text:
        return title_of(text)
    return next((text.removesuffix(ending) for ending in ENDINGS if text.endswith(ending)), text)


def _points(told: Table, offered: int, column: int) -> list[tuple[float, float | None]]:
    scale = _kind(told.columns[column])[1]
    found: list[tuple[float, float | None]] = []
    for row in told.rows:
        at, value = (row[n] if n < len(row) else None for n in (offered, column))
        if isinstance(at, (int, float)):
            known = isinstance(value, (int, float))
            found.append((float(at), scale * float(value or 0) if known else None))
    return sorted(found, key=lambda point: point[0])
