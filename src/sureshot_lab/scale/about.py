"""The frame of a series' page: its head with the answer, and the conditions at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sureshot_lab.report.figures import instant
from sureshot_lab.report.files import write_whole
from sureshot_lab.report.markup import Child, Html, bullets, element, pairs, section
from sureshot_lab.report.page import page, page_head
from sureshot_lab.result import RunResult


def write_series_page(
    path: Path, title: str, answer: str, remarks: Sequence[str], first: RunResult, *parts: Child
) -> Path:
    """Write the page of a series to *path*; *first* of its runs tells the conditions."""
    content = page(
        title,
        page_head(
            title, element("p", answer, role="status"), bullets(remarks) if remarks else None
        ),
        *parts,
        section("conditions", "Conditions", _conditions(first)),
        script=True,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(path, content.encode())


def _conditions(first: RunResult) -> Html:
    told = first.conditions
    machine, service = told.machine, told.service
    settings = ", ".join(f"{name} = {value}" for name, value in service.get("settings", {}).items())
    load = told.options.get("load", {})
    stages = ", ".join(f"{s:g} s at {end:g}/s" for s, _start, end in load.get("stages", []))
    return pairs([
        ("Machine", f"{machine.get('cpu', '')}, {machine.get('cores', '')} cores"),
        ("Service", f"{service.get('version', '')}, profile {service.get('profile', '-')}"),
        ("Set besides", settings),
        ("Load of the first run", stages),
        ("Generator", told.engine),
        ("Revision", told.revision),
        ("Begun", instant(told.started_at)),
    ])  # fmt: skip
