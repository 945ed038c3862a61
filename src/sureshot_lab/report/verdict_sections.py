"""The part of a page that answers first: verdict, key figures, gates, resources, findings."""

from __future__ import annotations

from sureshot_lab.report.figures import duration, instant
from sureshot_lab.report.markup import Html, bullets, element, join, section, table
from sureshot_lab.report.page import page_head
from sureshot_lab.report.titles import key_figures
from sureshot_lab.report.verdicts import (
    MEANINGS,
    PARTIAL,
    GateRow,
    Level,
    Status,
    gate_rows,
    resource_rows,
)
from sureshot_lab.result import Finding, RunResult, Verdict

NOT_COUNTED = "The run is INVALID: no gate counts as kept or missed, whatever was measured."
BADGES = {Status.PASS: "pass", Status.FAIL: "fail", Status.NOT_MEASURED: "unknown"}
LEVELS = {
    Level.OVER_LIMIT: "fail",
    Level.ALERT: "fail",
    Level.OVER_TARGET: "unknown",
    Level.WITHIN: "pass",
    Level.NOT_MEASURED: "unknown",
}
SEVERITIES = {
    **dict.fromkeys(("critical", "error", "high", "bad"), "bad"),
    **dict.fromkeys(("warning", "warn", "medium"), "warn"),
    **dict.fromkeys(("good", "ok"), "good"),
}
"""How a finding looks, by its severity; others are plain."""


def head(result: RunResult) -> Html:
    """Return title, verdict with its reasons, the notice, and the key figures."""
    conditions = result.conditions
    lasted_s = (conditions.finished_at - conditions.started_at).total_seconds()
    meta = (
        f"{result.scenario}, {conditions.size} size, engine {conditions.engine}. "
        f"{instant(conditions.started_at)}, {duration(lasted_s)}."
    )
    return page_head(
        result.title,
        element("p", meta, class_="meta"),
        _verdict(result),
        element("p", PARTIAL, class_="notice") if result.partial else None,
        tiles(result),
        whose=f", run {result.id}",
    )


def tiles(result: RunResult) -> Html | None:
    """Return a tile for each key figure that was measured."""
    found = [
        element("div", element("span", title), element("b", figure), class_="tile")
        for title, figure in key_figures(result.metrics)
    ]
    return element("div", *found, class_="tiles") if found else None


def gates(result: RunResult) -> Html:
    """Return every gate: what was measured, the limit, and by how much it was kept or missed."""
    rows = gate_rows(result)
    if not rows:
        return section(
            "gates", "Gates", element("p", "This scenario holds the service to no figure.")
        )
    void = result.verdict is Verdict.INVALID
    return section(
        "gates",
        "Gates",
        element("p", NOT_COUNTED) if void else None,
        table(
            ["Gate", "Status", "Measured", "Limit", "Margin", "Set by", "Measured where"],
            [_gate_cells(row) for row in rows],
            kind="stack",
            marks=["fail" if row.status is Status.FAIL else None for row in rows],
        ),
    )


def resources(result: RunResult) -> Html | None:
    """Return the specification's table of resources; None when none was measured."""
    rows = resource_rows(result)
    if not rows:
        return None
    cells = [
        [
            row.title,
            element("span", row.level, class_=f"badge {LEVELS[row.level]}"),
            row.measured,
            row.target,
            row.alert,
            row.limit,
        ]
        for row in rows
    ]
    return section(
        "resources",
        "Resources against the specification",
        table(
            ["Resource", "Status", "Measured, highest", "Target", "Alert", "Limit"],
            cells,
            kind="stack",
        ),
    )


def findings(result: RunResult) -> Html:
    """Return what a person should know, with evidence and what to change."""
    if not result.findings:
        body: Html = element("p", "None: nothing in this run asks for a change.")
        if result.verdict is not Verdict.PASS:
            body = element("p", "No finding was recorded; see the reasons above.")
        return section("findings", "Findings and recommendations", body)
    return section(
        "findings",
        "Findings and recommendations",
        *(_finding(finding) for finding in result.findings),
    )


def _verdict(result: RunResult) -> Html:
    reasons = bullets(result.reasons) if result.reasons else None
    return element(
        "div",
        element("b", result.verdict.value),
        element("div", element("p", MEANINGS[result.verdict]), reasons),
        class_=f"verdict {result.verdict.value.lower()}",
    )


def _gate_cells(row: GateRow) -> list[str]:
    return [
        row.title,
        element("span", row.status, class_=f"badge {BADGES[row.status]}"),
        element("span", row.measured, class_="fixed"),
        element("span", row.limit, class_="fixed"),
        element("span", element("span", row.margin, class_="fixed"), _bar(row)),
        row.source,
        element("span", row.where, class_="where"),
    ]


def _bar(row: GateRow) -> Html | None:
    """Return the measured value as a bar; the stroke in its middle is the limit."""
    if row.fill is None:
        return None
    inner = element("i", style=f"width:{row.fill * 50:.1f}%")
    return element("span", inner, class_=f"bar {BADGES[row.status]}")


def _finding(finding: Finding) -> Html:
    look = SEVERITIES.get(finding.severity.lower(), "")
    return element(
        "article",
        element("span", finding.severity, class_="severity"),
        element("h3", finding.what),
        element("p", finding.evidence),
        element("p", element("b", "What to do: "), finding.recommendation)
        if finding.recommendation
        else None,
        class_=join(["finding", look], " "),
    )
