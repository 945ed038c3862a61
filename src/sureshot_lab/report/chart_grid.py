"""Charts side by side; for those with nothing to draw, a sentence that says why."""

from __future__ import annotations

from collections.abc import Iterable

from sureshot_lab.report.chart import Chart, Missing, draw
from sureshot_lab.report.markup import Child, Html, bullets, element, join


def chart_grid(charts: Iterable[Chart | Missing], *beside: Child) -> Html:
    """Return the charts in a grid, *beside* after them, and below it what is missing and why."""
    known = list(charts)
    drawn = [draw(chart) for chart in known if isinstance(chart, Chart)]
    reasons: dict[str, list[str]] = {}
    for chart in known:
        if isinstance(chart, Missing):
            reasons.setdefault(chart.why, []).append(chart.title)
    sentences = [
        join([element("strong", ", ".join(titles)), ": ", why]) for why, titles in reasons.items()
    ]
    cells = [*drawn, *(child for child in beside if child is not None)]
    return join(
        [
            element("div", *cells, class_="charts") if cells else None,
            bullets(sentences, "missing") if sentences else None,
        ]
    )
