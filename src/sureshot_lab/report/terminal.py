"""How a run ended, for a terminal: verdict, gates, reasons, findings, in 80 columns."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sureshot_lab.report.figures import duration
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

VERDICTS = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INVALID: "bold yellow",
}
STATUSES = {Status.PASS: "green", Status.FAIL: "bold red", Status.NOT_MEASURED: "yellow"}
LEVELS = {
    Level.WITHIN: "green",
    Level.OVER_TARGET: "yellow",
    Level.ALERT: "bold red",
    Level.OVER_LIMIT: "bold red",
    Level.NOT_MEASURED: "yellow",
}
IN_A_ROW = 3
"""Key figures beside each other."""


def render_summary(result: RunResult, report: Path | None = None) -> RenderableType:
    """Return what to print at the end of a run; *report*: the path to name in its last line.

    Colours are the console's affair: it leaves them out where there is no terminal.
    """
    parts: list[RenderableType] = [_heading(result)]
    if result.partial:
        parts.append(Text(PARTIAL, style="yellow"))
    parts += [_indented(f"- {reason}") for reason in result.reasons]
    parts += [Text(), *_figures(result), *_gates(result), *_resources(result)]
    for finding in result.findings:
        parts += _finding(finding)
    if report is not None:
        parts += [Text(), _plain(f"report: {report}")]
    return Group(*parts)


def printable(text: str) -> str:
    """Return *text* on one line and without what would steer the terminal."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _plain(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)


def _indented(text: str) -> Padding:
    return Padding(_plain(text), (0, 0, 0, 2), expand=False)


def _heading(result: RunResult) -> Text:
    told = result.conditions
    lasted_s = (told.finished_at - told.started_at).total_seconds()
    return Text.assemble(
        (result.verdict.value, VERDICTS[result.verdict]),
        f"  {printable(result.title)} ({printable(result.scenario)}, {printable(told.size)}, "
        f"{duration(lasted_s)})\n",
        (MEANINGS[result.verdict], "dim"),
    )


def _figures(result: RunResult) -> list[RenderableType]:
    found = key_figures(result.metrics)
    if not found:
        return []
    grid = Table.grid(padding=(0, 3, 0, 0))
    for at in range(0, len(found), IN_A_ROW):
        grid.add_row(
            *(
                Text.assemble((f"{title} ", "dim"), value)
                for title, value in found[at : at + IN_A_ROW]
            )
        )
    return [grid]


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for column in columns:
        # What was measured must never be cut; a title may be folded.
        fixed = column in {"Measured", "Limit", "Status", "Highest", "Target", "Alert"}
        table.add_column(column, no_wrap=fixed, overflow="fold")
    return table


def _gates(result: RunResult) -> list[RenderableType]:
    if not result.gates:
        return [Text("This scenario holds the service to no figure.")]
    table = _table("Gate", "Status", "Measured", "Limit", "Margin")
    for row in gate_rows(result):
        table.add_row(*_gate_cells(row))
    return [Text(), table]


def _gate_cells(row: GateRow) -> list[Text]:
    style = STATUSES[row.status]
    value = "-" if row.status is Status.NOT_MEASURED else row.measured
    return [
        _plain(row.title),
        Text(row.status.value, style=style),
        _plain(value),
        _plain(row.limit),
        _plain(row.margin, style),
    ]


def _resources(result: RunResult) -> list[RenderableType]:
    gates = {gate.name for gate in result.gates}
    rows = [
        row
        for row in resource_rows(result)
        if row.level is not Level.NOT_MEASURED and row.name not in gates
    ]
    if not rows:
        return []
    table = _table("Resource", "Status", "Highest", "Target", "Alert", "Limit")
    for row in rows:
        told = (row.measured, row.target, row.alert, row.limit)
        status = Text(row.level.value, style=LEVELS[row.level])
        table.add_row(_plain(row.title), status, *(_plain(cell) for cell in told))
    return [Text(), table]


def _finding(finding: Finding) -> list[RenderableType]:
    lines: list[RenderableType] = [
        Text(),
        Text.assemble((f"{printable(finding.severity)}: ", "bold"), printable(finding.what)),
        _indented(finding.evidence),
    ]
    if finding.recommendation:
        lines.append(_indented(f"What to do: {finding.recommendation}"))
    return lines
