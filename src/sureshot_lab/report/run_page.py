"""``report.html``: one run on one page, the answer first, then how it came about."""

from __future__ import annotations

from sureshot_lab.report import junit, markdown
from sureshot_lab.report.chart_grid import chart_grid
from sureshot_lab.report.detail_sections import (
    all_figures,
    conditions,
    error_table,
    events,
    files,
    latency_table,
    own_tables,
)
from sureshot_lab.report.markup import Html, element, section
from sureshot_lab.report.page import page
from sureshot_lab.report.resource_charts import other_charts, queue_chart, resource_charts
from sureshot_lab.report.run_charts import (
    errors_over_time,
    in_flight,
    latency_by_rate,
    latency_over_time,
    spectrum,
    thinning_note,
    throughput,
)
from sureshot_lab.report.verdict_sections import findings, gates, head, resources
from sureshot_lab.result import FILE as RESULT_FILE
from sureshot_lab.result import RunResult

FILE = "report.html"
OWN_FILES = {
    "everything, for programs": RESULT_FILE,
    "this report as text": markdown.FILE,
    "gates for continuous integration": junit.FILE,
}


def run_page(result: RunResult) -> str:
    """Return the page of *result*; what was not measured is said, never left blank."""
    parts = [
        gates(result),
        resources(result),
        findings(result),
        *own_tables(result),
        _latency(result),
        _over_time(result),
        _errors(result),
        _resources(result),
        conditions(result),
        all_figures(result),
        files(result, OWN_FILES),
    ]
    known = [part for part in parts if part is not None]
    title = f"{result.verdict.value}: {result.title}"
    return page(title, head(result), _contents(), *known, _footer(result), script=True)


def _contents() -> Html:
    places = (
        ("gates", "Gates"),
        ("findings", "Findings"),
        ("latency", "Latency"),
        ("time", "Over time"),
        ("errors", "Errors"),
        ("use", "Resources"),
        ("conditions", "Conditions"),
        ("files", "Files"),
    )
    links = (element("a", title, href=f"#{place}") for place, title in places)
    return element("nav", *links, aria_label="On this page")


def _latency(result: RunResult) -> Html:
    charts = chart_grid([spectrum(result), latency_by_rate(result)])
    return section("latency", "Latency", charts, _under(latency_table(result)))


def _over_time(result: RunResult) -> Html:
    note = thinning_note(result)
    return section(
        "time",
        "Over time",
        events(result),
        element("p", note, class_="meta") if note else None,
        chart_grid(
            [
                latency_over_time(result),
                throughput(result),
                queue_chart(result),
                in_flight(result),
            ]
        ),
    )


def _errors(result: RunResult) -> Html:
    return section("errors", "Errors", chart_grid([errors_over_time(result)], error_table(result)))


def _resources(result: RunResult) -> Html:
    others = other_charts(result)
    more = element(
        "details",
        element("summary", f"{len(others)} more of what was sampled"),
        chart_grid(others),
    )
    return section(
        "use", "Resources", chart_grid(resource_charts(result)), more if others else None
    )


def _under(child: Html | None) -> Html | None:
    return None if child is None else element("div", child, class_="under")


def _footer(result: RunResult) -> Html:
    told = result.conditions
    text = f"Run {result.id}, revision {told.revision or 'unknown'}, seed {told.seed}."
    return element("footer", text)
