"""The page of a comparison of policies: figures, and replicas over time, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sureshot_lab.report.axes import time_axis, value_axis
from sureshot_lab.report.chart import Chart, Series, draw
from sureshot_lab.report.figures import clock, figure
from sureshot_lab.report.files import write_whole
from sureshot_lab.report.markup import Html, bullets, element, section, table
from sureshot_lab.report.page import page
from sureshot_lab.scaling.deployment import MODEL
from sureshot_lab.scaling.side_by_side import Against, Mean, verdict
from sureshot_lab.scaling.traces import SHAPES
from sureshot_lab.scaling.trial import Outcome

FILE = "autoscale.html"
MOST_POINTS = 600
COLOURS = ("orange", "purple", "blue", "teal")
COLUMNS = (
    "Policy", "Late, webhook s", "Late", "Replica s", "Longest short", "Longest long",
    "Overshoot", "Flaps",
)  # fmt: skip


def cells(mean: Mean) -> list[str]:
    """Return one row of the table of figures, ``COLUMNS``."""
    return [
        mean.policy,
        figure(mean.late_webhook_s),
        f"{mean.late_share:.2%}",
        figure(mean.replica_s),
        f"{mean.up_s:.0f} s",
        f"{mean.down_s:.0f} s",
        str(mean.overshoot),
        str(mean.flaps),
    ]


def write_page(
    folder: Path,
    means: Sequence[Mean],
    found: Sequence[Against],
    shown: Sequence[Sequence[Outcome]],
) -> Path:
    """Write the page into *folder*; *shown* holds of each trace one outcome of each policy."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [_of_trace(outcomes, means) for outcomes in shown]
    content = page(
        "Autoscaling policies side by side",
        element("h1", "Autoscaling policies side by side"),
        bullets(verdict(found)),
        *parts,
        section("model", "The model", element("pre", MODEL)),
        script=True,
    )
    return write_whole(folder / FILE, content.encode())


def _of_trace(outcomes: Sequence[Outcome], means: Sequence[Mean]) -> Html:
    trace = outcomes[0].trace
    rows = [cells(one) for one in means if one.trace == trace]
    return section(
        trace,
        f"{trace}: {SHAPES[trace][1]}",
        table(COLUMNS, rows, numeric=range(1, len(COLUMNS))),
        draw(_chart("Replicas ready", outcomes, [one.ready for one in outcomes])),
        draw(_chart("Webhooks that wait", outcomes, [one.depth for one in outcomes])),
    )


def _chart(title: str, outcomes: Sequence[Outcome], values: Sequence[Sequence[float]]) -> Chart:
    together = max(1, -(-len(values[0]) // MOST_POINTS))
    series = [
        Series(
            outcome.policy,
            [(float(at), max(one[at : at + together])) for at in range(0, len(one), together)],
            colour,
        )
        for outcome, one, colour in zip(outcomes, values, COLOURS, strict=False)
    ]
    highest = [max(one) for one in values]
    return Chart(
        title=title,
        x=time_axis(0.0, float(len(values[0]))),
        y=value_axis(highest, "count", ""),
        unit="count",
        series=series,
        told=clock,
    )
