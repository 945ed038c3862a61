"""``report.md``: one run as text, for a pull request or a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sureshot_lab.report.detail_sections import INTERVALS, cell_text, column_title, fact_text
from sureshot_lab.report.figures import between, clock, duration, figure, instant, number
from sureshot_lab.report.markup import clean
from sureshot_lab.report.titles import key_figures, latency_title, title_of
from sureshot_lab.report.verdicts import MEANINGS, PARTIAL, gate_rows, resource_rows
from sureshot_lab.result import Latency, RunResult

FILE = "report.md"
BOUNDED = ("p50", "p95", "p99")
SPECIAL = re.compile(r"([\\`*\[\]|]|(?<![^\W_])_|_(?![^\W_]))")
LEADING = re.compile(r"^(\s*)([#>+-]|\d+[.)])(?=\s|$)")


def markdown(result: RunResult) -> str:
    """Return the report of *result*; nothing in it can act as markup of its own."""
    blocks = [
        *_head(result),
        *_gates(result),
        *_resources(result),
        *_findings(result),
        *_tables(result),
        *_latencies(result),
        *_errors(result),
        *_events(result),
        *_conditions(result),
    ]
    return "\n\n".join(blocks) + "\n"


def plain(text: str) -> str:
    """Return *text* as Markdown that shows it, on one line."""
    one_line = " ".join(clean(text).split())
    escaped = SPECIAL.sub(r"\\\1", one_line.replace("&", "&amp;").replace("<", "&lt;"))
    return LEADING.sub(r"\1\\\2", escaped)


def md_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, its cells escaped."""
    lines = [_row(columns), _row(["---"] * len(columns)).replace("\\", "")]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {plain(item)}" for item in items)


def _head(result: RunResult) -> list[str]:
    told = result.conditions
    lasted_s = (told.finished_at - told.started_at).total_seconds()
    facts = (
        f"Scenario {told.scenario}, {told.size} size, engine {told.engine}, "
        f"{instant(told.started_at)}, {duration(lasted_s)}. Run {result.id}."
    )
    figures = key_figures(result.metrics)
    return [
        f"# {plain(result.title)}",
        f"**{result.verdict.value}.** {MEANINGS[result.verdict]}",
        *([f"> {PARTIAL}"] if result.partial else []),
        *([_list(result.reasons)] if result.reasons else []),
        plain(facts),
        *([md_table(["Key figure", "Measured"], figures)] if figures else []),
    ]


def _gates(result: RunResult) -> list[str]:
    rows = [
        [row.title, row.status.value, row.measured, row.limit, row.margin, row.source, row.where]
        for row in gate_rows(result)
    ]
    columns = ["Gate", "Status", "Measured", "Limit", "Margin", "Set by", "Measured where"]
    none = "This scenario holds the service to no figure."
    return ["## Gates", md_table(columns, rows) if rows else none]


def _resources(result: RunResult) -> list[str]:
    rows = [
        [row.title, row.level.value, row.measured, row.target, row.alert, row.limit]
        for row in resource_rows(result)
    ]
    columns = ["Resource", "Status", "Measured, highest", "Target", "Alert", "Limit"]
    title = "## Resources against the specification"
    return [title, md_table(columns, rows)] if rows else []


def _findings(result: RunResult) -> list[str]:
    if not result.findings:
        return []
    items = []
    for finding in result.findings:
        lines = [
            f"**{plain(finding.what)}** ({plain(finding.severity)})  ",
            plain(finding.evidence),
        ]
        if finding.recommendation:
            lines += ["", f"What to do: {plain(finding.recommendation)}"]
        items.append("- " + "\n  ".join(lines))
    return ["## Findings and recommendations", "\n".join(items)]


def _tables(result: RunResult) -> list[str]:
    blocks = []
    for told in result.tables:
        rows = [
            [cell_text(cell, column) for cell, column in zip(row, told.columns, strict=False)]
            for row in told.rows
        ]
        columns = [column_title(column) for column in told.columns]
        blocks += [f"## {plain(told.title)}", md_table(columns, rows)]
    return blocks


def _latencies(result: RunResult) -> list[str]:
    if not result.latencies:
        return []
    columns = ["Latency", "Count", "Mean", "p50", "p90", "p95", "p99", "p99.9", "Max"]
    rows = [
        [latency_title(name), number(told.count), *(figure(value, "s") for value in _all(told))]
        for name, told in result.latencies.items()
    ]
    return ["## Latency", md_table(columns, rows), *_intervals(result)]


def _intervals(result: RunResult) -> list[str]:
    """Return where the true percentiles lie, for the latencies of which that is known."""
    rows = [
        [latency_title(name), *(between(told.intervals.get(p), "s") or "-" for p in BOUNDED)]
        for name, told in result.latencies.items()
        if told.intervals
    ]
    columns = ["95 % interval", *BOUNDED]
    return [md_table(columns, rows), INTERVALS] if rows else []


def _all(told: Latency) -> tuple[float, ...]:
    return (
        told.mean_s,
        told.p50_s,
        told.p90_s,
        told.p95_s,
        told.p99_s,
        told.p999_s,
        told.max_s,
    )


def _errors(result: RunResult) -> list[str]:
    rows = [
        [error.what, number(error.count), clock(error.first_at_s)]
        for error in sorted(result.errors, key=lambda error: -error.count)
    ]
    return ["## Errors", md_table(["Error", "Count", "First at"], rows)] if rows else []


def _events(result: RunResult) -> list[str]:
    happened = [(p.start_s, f"{p.name}, until {clock(p.end_s)}") for p in result.phases]
    happened += [(event.at_s, event.what) for event in result.events]
    rows = [[clock(at_s), what] for at_s, what in sorted(happened)]
    return ["## Phases and events", md_table(["At", "What"], rows)] if rows else []


def _conditions(result: RunResult) -> list[str]:
    told = result.conditions
    rows = [
        ["Environment", told.environment + (", production" if told.production else "")],
        ["Target", told.target],
        ["Seed", str(told.seed)],
        ["Revision", told.revision or "unknown"],
        ["Laboratory", told.lab_version],
    ]
    for kind, facts in (("Machine", told.machine), ("Service", told.service)):
        rows += [[f"{kind}: {title_of(key)}", fact_text(key, v)] for key, v in facts.items()]
    rows += [[f"Tool: {name}", version] for name, version in told.tools.items()]
    rows += [[f"Option: {name}", fact_text(name, value)] for name, value in told.options.items()]
    return ["## Conditions", md_table(["Condition", "Value"], rows)]
