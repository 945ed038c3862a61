"""The page of a scale: speed-up and efficiency against replicas, with law and ideal."""

from __future__ import annotations

from pathlib import Path

from sureshot_lab.analysis.wording import number, percent
from sureshot_lab.report.chart_grid import chart_grid
from sureshot_lab.report.figures import figure
from sureshot_lab.report.markup import section, table
from sureshot_lab.scale.about import write_series_page
from sureshot_lab.scale.law_charts import law_charts, law_in_words
from sureshot_lab.scale.series import Series, Step

FILE = "scale.html"
COLUMNS = (
    "Replicas",
    "Delivered",
    "Speed-up",
    "Efficiency",
    "Law",
    "Jain",
    "Slots used",
    "Verdict",
)


def cells(series: Series, index: int) -> list[str]:
    """Return row *index* of the table, ``COLUMNS``."""
    one, step = series.scaled[index], series.steps[index]
    return [
        f"{one.n:.0f}",
        figure(one.per_s, "per_s"),
        number(one.speed_up),
        percent(one.efficiency),
        "-" if series.usl is None else figure(series.usl.predict(one.n), "per_s"),
        "-" if step.jain is None else f"{step.jain:.3f}",
        slots_used(step),
        str(step.result.verdict),
    ]


def slots_used(step: Step) -> str:
    """Return the share of the slots that were in use; ``-`` where it was not seen."""
    return figure(step.result.metrics.get("slots_used_share"), "share")


def write_page(folder: Path, series: Series) -> Path:
    """Write ``scale.html`` into *folder*."""
    first, last = series.scaled[0], series.scaled[-1]
    answer = (
        f"{last.n:.0f} replicas deliver {number(last.speed_up)} times what {first.n:.0f} does, "
        f"{figure(last.per_s, 'per_s')} to {figure(first.per_s, 'per_s')}: efficiency "
        f"{percent(last.efficiency)}."
    )
    law = law_in_words(series, "replicas")
    rows = [cells(series, index) for index in range(len(series.scaled))]
    return write_series_page(
        folder / FILE, "Scaling by replicas", answer, series.remarks, series.steps[0].result,
        section("charts", "By replicas", chart_grid(law_charts(series, "replicas", "Delivered"))),
        section("steps", "Steps", table(COLUMNS, rows, numeric=range(7))),
        None if law is None else section("law", "The law", law),
    )  # fmt: skip
