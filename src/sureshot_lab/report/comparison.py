"""Two sets of runs side by side: what they share, and how each figure moved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sureshot_lab.report.figures import change, figure, instant, unit_of
from sureshot_lab.report.files import write_whole
from sureshot_lab.report.interval_bar import interval_bar, reach
from sureshot_lab.report.markdown import md_table, plain
from sureshot_lab.report.markup import Html, bullets, element, join, section, table
from sureshot_lab.report.page import page, page_head
from sureshot_lab.report.run_list import fingerprint
from sureshot_lab.report.titles import title_of
from sureshot_lab.result import RunResult, Verdict

COLUMNS = ("Figure", "A, median", "B, median", "Change", "Interval", "In words")
TITLE = "A against B"
WARNING = "These sets may not be comparable:"
COMPARABLE = ("Scenario", "Machine", "Engine", "Environment", "Profile of the service")
"""What must be the same in both sets."""


class ComparisonRow(NamedTuple):
    """One figure. ``change`` and ``interval``: shares of A, an end may be infinite."""

    metric: str
    a_median: float | None
    b_median: float | None
    change: float | None
    interval: tuple[float, float] | None
    words: str


Row = tuple[str, float | None, float | None, float | None, tuple[float, float] | None, str]
"""What a ``ComparisonRow`` is made of."""


def write_comparison(
    path: Path, a: Sequence[RunResult], b: Sequence[RunResult], rows: Iterable[Row]
) -> Path:
    """Write the comparison to *path*, Markdown if its name ends in ``.md``, else HTML."""
    known = [ComparisonRow(*row) for row in rows]
    text = _markdown(a, b, known) if path.suffix == ".md" else _html(a, b, known)
    return write_whole(path, text.encode())


def doubts(a: Sequence[RunResult], b: Sequence[RunResult]) -> list[str]:
    """Return why the two sets may not be comparable; empty when nothing speaks against it."""
    found = []
    for what, left, right in _facts(a, b):
        if what in COMPARABLE and left != right:
            found.append(f"{what} differs: A {left}, B {right}")
    for name, runs in (("A", a), ("B", b)):
        bad = [run.id for run in runs if run.verdict is Verdict.INVALID or run.partial]
        if bad:
            found.append(f"{name} has runs that are INVALID or were stopped: {', '.join(bad)}")
        if not runs:
            found.append(f"{name} has no run")
    return found


def _facts(a: Sequence[RunResult], b: Sequence[RunResult]) -> list[tuple[str, str, str]]:
    """Return what is known of both sets: its name, and what it is in A and in B."""
    return [
        (what, left, right)
        for (what, left), (_what, right) in zip(_about(a), _about(b), strict=True)
    ]


def _about(runs: Sequence[RunResult]) -> list[tuple[str, str]]:
    told = [run.conditions for run in runs]
    started = sorted(one.started_at for one in told)
    verdicts = Counter(run.verdict.value for run in runs)
    return [
        ("Runs", str(len(runs))),
        ("Scenario", _all(f"{one.scenario}, {one.size}" for one in told)),
        ("Revision", _all(one.revision for one in told)),
        ("Machine", _all(fingerprint(run) for run in runs)),
        ("Engine", _all(one.engine for one in told)),
        ("Environment", _all(one.environment for one in told)),
        ("Profile of the service", _all(str(one.service.get("profile", "")) for one in told)),
        ("Verdicts", ", ".join(f"{count} {name}" for name, count in verdicts.items())),
        ("First run", instant(started[0]) if started else ""),
        ("Last run", instant(started[-1]) if started else ""),
    ]


def _all(values: Iterable[str]) -> str:
    return ", ".join(sorted({value or "unknown" for value in values}))


def _interval(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return "-"
    low, high = (change(end) if math.isfinite(end) else "unknown" for end in interval)
    return f"{low} to {high}"


def _cells(row: ComparisonRow) -> list[str]:
    unit = unit_of(row.metric)
    return [
        title_of(row.metric),
        figure(row.a_median, unit),
        figure(row.b_median, unit),
        change(row.change),
        _interval(row.interval),
        row.words,
    ]


def _html(a: Sequence[RunResult], b: Sequence[RunResult], rows: Sequence[ComparisonRow]) -> str:
    against = doubts(a, b)
    warning = element("div", element("p", WARNING), bullets(against), class_="notice", role="alert")
    return page(
        TITLE,
        page_head(TITLE, warning if against else None),
        section("figures", "Figures", _figures(rows)),
        section("sets", "The two sets", table(["", "A", "B"], _facts(a, b), kind="stack even")),
        section("runs", "Runs", _runs("A", a), _runs("B", b)),
    )


def _figures(rows: Sequence[ComparisonRow]) -> Html:
    if not rows:
        return element("p", "No figure was measured in both sets.")
    most = reach([(row.change, row.interval) for row in rows])
    cells = []
    for row in rows:
        title, left, right, moved, interval, words = _cells(row)
        shown = join(
            [
                element("span", moved, class_="fixed"),
                interval_bar(row.change, row.interval, most),
                element("span", interval, class_="sub fixed"),
            ]
        )
        cells.append([title, left, right, shown, words])
    columns = [*COLUMNS[:3], "Change, with its interval", COLUMNS[5]]
    return table(columns, cells, kind="stack even")


def _runs(name: str, runs: Sequence[RunResult]) -> Html:
    items = [f"{run.id}: {run.verdict.value}, {run.title}" for run in runs]
    return join([element("h3", name), bullets(items)])


def _markdown(a: Sequence[RunResult], b: Sequence[RunResult], rows: Sequence[ComparisonRow]) -> str:
    against = doubts(a, b)
    blocks = [f"# {TITLE}"]
    if against:
        blocks += [f"**{WARNING}**", "\n".join(f"- {plain(doubt)}" for doubt in against)]
    blocks += [
        md_table(COLUMNS, [_cells(row) for row in rows]),
        "## The two sets",
        md_table(["", "A", "B"], _facts(a, b)),
    ]
    return "\n\n".join(blocks) + "\n"
