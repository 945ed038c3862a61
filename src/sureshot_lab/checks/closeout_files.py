"""``closeout.md`` and ``closeout.json``: the list after a run, kept beside its result."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sureshot_lab.checks.closeout import FILE, Closeout
from sureshot_lab.checks.closeout_items import Item
from sureshot_lab.errors import LabError
from sureshot_lab.report.figures import instant
from sureshot_lab.report.files import write_whole
from sureshot_lab.report.markdown import md_table, plain

TEXT_FILE = "closeout.md"
OPEN = "open"


def write_closeout(folder: Path, told: Closeout) -> Path:
    """Write both files over older ones, each in one step; return the text's path.

    Raises:
        LabError: the folder cannot be written to.

    """
    try:
        write_whole(folder / FILE, msgspec.json.format(msgspec.json.encode(told), indent=1))
        return write_whole(folder / TEXT_FILE, closeout_text(told).encode())
    except OSError as error:
        raise LabError(f"{folder} cannot be written to: {error.strerror}") from None


def closeout_text(told: Closeout) -> str:
    """Return the list as Markdown; nothing in it can act as markup of its own."""
    blocks = [
        f"# Closeout: {plain(told.title)}",
        f"**{told.verdict}.** Run {plain(told.run)}, scenario {plain(told.scenario)}.",
        "\n".join(_line(item) for item in told.items),
        "## Issues",
        _issues(told),
        "## Recommendations",
        _bullets(told.recommended) or "None.",
        "## Follow-up actions",
        _bullets(told.answers.follow_ups) or "None defined yet.",
        "## Sign-off",
        md_table(["What", "Who or when"], _sign_off(told)),
    ]
    return "\n\n".join(blocks) + "\n"


def _line(item: Item) -> str:
    head = f"- [{'x' if item.done else ' '}] **{plain(item.title)}**"
    if item.missing:
        head += f"  \n  Open: {plain(item.missing)}"
    return "\n".join([head, *(f"  - {plain(text)}" for text in item.evidence)])


def _issues(told: Closeout) -> str:
    if not told.issues:
        return "None: nothing critical and no warning was found."
    rows = [[one.severity, one.what, one.evidence] for one in told.issues]
    return md_table(["Severity", "What", "Evidence"], rows)


def _bullets(texts: list[str]) -> str:
    return "\n".join(f"- {plain(text)}" for text in texts)


def _sign_off(told: Closeout) -> list[list[str]]:
    done = told.completed_at
    return [
        ["Reviewer", ", ".join(told.answers.reviewers) or OPEN],
        ["Approved by", ", ".join(told.answers.approvers) or OPEN],
        ["Completion date", instant(done) if done is not None else OPEN],
    ]
