"""Both checklists for a terminal: a box for each line, and below it what shows it."""

from __future__ import annotations

from collections import Counter

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sureshot_lab.checks.check import Check, State
from sureshot_lab.checks.closeout import Closeout
from sureshot_lab.checks.closeout_items import Item
from sureshot_lab.checks.preflight import Preflight
from sureshot_lab.report.terminal import printable

BOXES = {
    State.OK: "[x]",
    State.WARNING: "[!]",
    State.FAILED: "[ ]",
    State.NOT_APPLICABLE: "[-]",
}
STYLES = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.FAILED: "bold red",
    State.NOT_APPLICABLE: "dim",
}
INDENT = 4


def render_preflight(told: Preflight) -> RenderableType:
    """Return the list before a run, and in its last line whether it may begin."""
    parts: list[RenderableType] = []
    for tick in told.ticks:
        parts.append(Text(f"{BOXES[tick.state]} {tick.title}", style="bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=len(State.NOT_APPLICABLE))
        table.add_column(width=22)
        table.add_column(overflow="fold")
        for check in tick.checks:
            table.add_row(*_cells(check))
        parts += [Padding(table, (0, 0, 0, INDENT)), Text()]
    return Group(*parts, _outcome(told))


def _cells(check: Check) -> list[Text]:
    text = printable(check.evidence)
    if check.remedy:
        text += f"\nWhat to do: {printable(check.remedy)}"
    return [Text(check.state.value, style=STYLES[check.state]), Text(check.title), Text(text)]


def _outcome(told: Preflight) -> Text:
    count = Counter(check.state for tick in told.ticks for check in tick.checks)
    warnings = f"{count[State.WARNING]} warning{'' if count[State.WARNING] == 1 else 's'}"
    if count[State.FAILED]:
        text = f"not ready: {count[State.FAILED]} failed, {warnings}"
        return Text(text, style=STYLES[State.FAILED])
    return Text(f"ready: nothing failed, {warnings}", style=STYLES[State.OK])


def render_closeout(told: Closeout) -> RenderableType:
    """Return the list after a run, and in its last line what is still open."""
    parts: list[RenderableType] = [
        Text(f"{told.verdict}  {printable(told.title)} ({printable(told.run)})", style="bold")
    ]
    for item in told.items:
        parts += _item(item)
    open_items = [item.title for item in told.items if not item.done]
    if told.completed_at is None:
        text = f"open: {', '.join(open_items)}"
        return Group(*parts, Text(), Text(text, style=STYLES[State.FAILED]))
    text = f"complete since {told.completed_at:%Y-%m-%d}"
    return Group(*parts, Text(), Text(text, style=STYLES[State.OK]))


def _item(item: Item) -> list[RenderableType]:
    state = State.OK if item.done else State.FAILED
    lines: list[RenderableType] = [Text(f"{BOXES[state]} {item.title}", style=STYLES[state])]
    told = [f"open: {item.missing}"] if item.missing else []
    told += item.evidence
    lines += [Padding(Text(printable(text)), (0, 0, 0, INDENT)) for text in told]
    return lines
