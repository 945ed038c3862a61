"""Speed-up, efficiency and rate against what was added, with the fitted law and the ideal."""

from __future__ import annotations

from collections.abc import Callable

from sureshot_lab.analysis.wording import interval
from sureshot_lab.report.axes import value_axis
from sureshot_lab.report.chart import Chart
from sureshot_lab.report.chart import Series as Line
from sureshot_lab.report.figures import figure
from sureshot_lab.report.markup import Html, element, join, pairs
from sureshot_lab.report.timeline import Point
from sureshot_lab.scale.series import Series

POINTS = 60
"""So many points draw the law's curve."""
Of = Callable[[float, float], float]
"""What is drawn of a count and its throughput a second."""


def law_charts(series: Series, called: str, rate: str) -> list[Chart]:
    """Return the charts of a series; *called*: ``replicas``, *rate*: ``Delivered``."""
    first = series.scaled[0]

    def speed_up(_n: float, per_s: float) -> float:
        return per_s / first.per_s

    def efficiency(n: float, per_s: float) -> float:
        return per_s / first.per_s / (n / first.n)

    def itself(_n: float, per_s: float) -> float:
        return per_s

    return [
        _chart(series, f"Speed-up by {called}", called, "count", speed_up),
        _chart(series, f"Efficiency by {called}", called, "share", efficiency),
        _chart(series, f"{rate} by {called}", called, "per_s", itself),
    ]


def law_in_words(series: Series, called: str) -> Html | None:
    """Return what the law says, and how well it predicts a count it has not seen."""
    usl, held = series.usl, series.held
    if usl is None:
        return None
    checked = None
    if held is not None:
        checked = element(
            "p",
            f"Fitted to the others alone, the law predicts {figure(held.predicted_per_s, 'per_s')} "
            f"at {held.n:.0f} {called}; measured were {figure(held.measured_per_s, 'per_s')}: an "
            f"error of {100 * held.error:+.1f} %.",
        )
    return join([
        element("p", f"Universal Scalability Law: {usl.sentence}."),
        pairs([
            ("One alone", interval(usl.per_one_s, "per_s")),
            ("Contention", interval(usl.contention)),
            ("Coherency", interval(usl.coherency)),
            ("Misses the points by", figure(usl.residual, "share")),
        ]),
        checked,
    ])  # fmt: skip


def _chart(series: Series, title: str, called: str, unit: str, of: Of) -> Chart:
    """Return a chart of what *of* makes of each throughput: ideal, law, measured, predicted."""
    first = series.scaled[0]
    ideal = [(one.n, of(one.n, first.per_s * one.n / first.n)) for one in series.scaled]
    measured = [(one.n, of(one.n, one.per_s)) for one in series.scaled]
    lines = [
        Line("ideal", ideal, "grey", width=1.5),
        Line("fitted law", _law(series, of), "teal"),
        Line("measured", measured, "blue", width=9.0, dots=True),
        Line("predicted from the others", _held(series, of), "orange", width=7.0, dots=True),
    ]
    shown = [line for line in lines if line.points]
    return Chart(
        title=title,
        x=value_axis([n for n, _value in measured], "count", called),
        y=value_axis([value for line in shown for _at, value in line.known], unit, ""),
        unit=unit,
        series=shown,
        told=lambda at: f"{at:.3g} {called}",
    )


def _law(series: Series, of: Of) -> list[Point]:
    """Return points of the law's curve; none without a law."""
    if series.usl is None:
        return []
    low, high = series.scaled[0].n, series.scaled[-1].n
    counts = [low + (high - low) * step / (POINTS - 1) for step in range(POINTS)]
    return [(n, of(n, series.usl.predict(n))) for n in counts]


def _held(series: Series, of: Of) -> list[Point]:
    if series.held is None:
        return []
    return [(series.held.n, of(series.held.n, series.held.predicted_per_s))]
