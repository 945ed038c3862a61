"""``index.html``: all runs on one page, newest first, and how their figures moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from sureshot_lab.analysis.change_points import SHORTEST, ChangePoint, change_points
from sureshot_lab.report.figures import change, figure, instant, unit_of
from sureshot_lab.report.files import write_whole
from sureshot_lab.report.markup import Html, bullets, element, join, link, section, table
from sureshot_lab.report.page import page, page_head
from sureshot_lab.report.run_list import (
    Group,
    Run,
    Unreadable,
    fingerprint,
    groups_of,
    read_runs,
)
from sureshot_lab.report.sparkline import sparkline
from sureshot_lab.report.titles import CPU_PER_WEBHOOK, first_known
from sureshot_lab.result import RunResult

FILE = "index.html"
FIGURES = (
    ("Rate", ("achieved_per_s", "offered_per_s", "capacity_per_s")),
    ("Submission p99", ("submission_p99_s",)),
    ("End to end p95", ("end_to_end_p95_s",)),
    ("CPU a webhook", CPU_PER_WEBHOOK),
    ("Lost", ("lost",)),
)
"""The key figures of the list."""
TRENDS = (
    ("Delivered", ("throughput_per_min",)),
    ("Capacity", ("capacity_per_s",)),
    *FIGURES[1:4],
)
"""What is drawn over time, for runs that may be compared."""


def write_index(folder_of_runs: Path) -> Path:
    """Write ``index.html`` into *folder_of_runs*, over an older one, and return its path.

    A run that cannot be read is on the page, with the reason.
    """
    runs, unreadable = read_runs(folder_of_runs)
    return write_whole(folder_of_runs / FILE, index_page(runs, unreadable).encode())


def index_page(runs: Sequence[Run], unreadable: Sequence[Unreadable]) -> str:
    """Return the page."""
    counts = f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}"
    if unreadable:
        counts += f", and {len(unreadable)} that cannot be read"
    return page(
        "Runs of the Sureshot performance laboratory",
        page_head(
            "Runs",
            element("p", f"{counts}.", class_="meta"),
            element("nav", *_contents(unreadable), aria_label="On this page"),
        ),
        _list(runs),
        _trends(groups_of(runs)),
        _unreadable(unreadable) if unreadable else None,
    )


def _contents(unreadable: Sequence[Unreadable]) -> list[Html]:
    places = [("runs", "All runs"), ("trends", "Trends")]
    if unreadable:
        places.append(("unreadable", "Cannot be read"))
    return [element("a", title, href=f"#{place}") for place, title in places]


def _list(runs: Sequence[Run]) -> Html:
    if not runs:
        text = "No run yet: `sureshot lab run smoke` makes the first."
        return section("runs", "All runs", element("p", text))
    columns = ["Run", "Verdict", *(title for title, _ in FIGURES), "Revision and machine"]
    rows = [_row(run) for run in runs]
    return section("runs", "All runs, newest first", table(columns, rows, kind="stack"))


def _row(run: Run) -> list[str]:
    result = run.result
    told = result.conditions
    verdict = result.verdict.value
    return [
        join(
            [
                link(run.page, f"{result.scenario}, {told.size}"),
                element("span", result.title, class_="sub"),
                element("span", instant(told.started_at), class_="sub"),
            ]
        ),
        join(
            [
                element("span", verdict, class_=f"badge {verdict.lower()}"),
                element("span", "stopped early", class_="sub") if result.partial else None,
            ]
        ),
        *(element("span", _told(result, names), class_="fixed") for _title, names in FIGURES),
        join(
            [
                element("code", told.revision or "unknown"),
                element("code", fingerprint(result), class_="sub"),
            ]
        ),
    ]


def _told(result: RunResult, names: Sequence[str]) -> str:
    name, value = first_known(result.metrics, names)
    return figure(value, unit_of(name)).removesuffix("/webhook")


def _unreadable(unreadable: Sequence[Unreadable]) -> Html:
    items = [join([element("strong", one.name), ": ", one.reason]) for one in unreadable]
    return section("unreadable", "Cannot be read", element("div", bullets(items), class_="notice"))


def _trends(groups: Sequence[Group]) -> Html:
    if not groups:
        return section("trends", "Trends", element("p", "No run that could be compared yet."))
    return section(
        "trends",
        "Trends",
        element(
            "p",
            "One line for each scenario, size and machine, oldest run on the left. "
            "Runs that are INVALID or were stopped early are left out. An upright line marks where "
            f"the level changed, by more than chance explains; of fewer than {2 * SHORTEST} runs "
            "none is told.",
        ),
        *(_group(group) for group in groups),
    )


def _group(group: Group) -> Html:
    cards = [_trend(group.runs, title, names) for title, names in TRENDS]
    known = [card for card in cards if card is not None]
    title = f"{group.scenario}, {group.size}, machine {group.fingerprint}"
    if not known:
        only = "One run: no trend yet." if len(group.runs) == 1 else "Nothing to compare."
        return element("div", element("h3", title), element("p", only, class_="note"))
    return element("div", element("h3", title), element("div", *known, class_="trends"))


def _trend(runs: Sequence[RunResult], title: str, names: Sequence[str]) -> Html | None:
    """Return one figure of all runs, None when fewer than two runs know it."""
    found = [(run, *first_known(run.metrics, names)) for run in runs]
    known = [(run, name, value) for run, name, value in found if value is not None]
    if len(known) < 2:
        return None
    unit = unit_of(known[-1][1])
    values = [value for _run, _name, value in known]
    texts = [figure(value, unit).removesuffix("/webhook") for value in values]
    told = [
        f"{instant(run.conditions.started_at)}, {run.conditions.revision or 'unknown'}: {text}"
        for (run, _name, _value), text in zip(known, texts, strict=True)
    ]
    moved = change(values[-1] / values[0] - 1) if values[0] else None
    changed = change_points(values)
    lowest = texts[values.index(min(values))]
    highest = texts[values.index(max(values))]
    return element(
        "div",
        element("span", title),
        element("b", texts[-1]),
        sparkline(values, told, [point.index for point in changed]),
        element(
            "span",
            f"{len(values)} runs, {lowest} to {highest}",
            join([", ", element("span", moved, class_="fixed"), " since the first"])
            if moved
            else None,
        ),
        *(_changed(point, told[point.index], unit) for point in changed),
        class_="trend",
    )


def _changed(point: ChangePoint, since: str, unit: str) -> Html:
    """Tell one change of the level, in medians; *since*: the first run that has the new one."""
    before, after = (
        figure(one, unit).removesuffix("/webhook") for one in (point.before, point.after)
    )
    by = f" ({change(point.change)})" if math.isfinite(point.change) else ""
    return element(
        "span",
        element("strong", f"Changed from {before} to {after}{by}"),
        f" with the run of {since.rpartition(': ')[0]}",
        class_="sub",
    )
