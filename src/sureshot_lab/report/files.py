"""The files a run gets beside its ``result.json``: a page, a text, and test cases."""

from __future__ import annotations

from pathlib import Path

from sureshot_lab.report import junit, markdown, run_page
from sureshot_lab.result import RunResult


def write_reports(folder: Path, result: RunResult) -> dict[str, Path]:
    """Write every report of *result* into *folder*, over older ones; return them by kind.

    The kinds are ``html``, ``markdown`` and ``junit``.
    """
    return {
        "html": write_whole(folder / run_page.FILE, run_page.run_page(result).encode()),
        "markdown": write_whole(folder / markdown.FILE, markdown.markdown(result).encode()),
        "junit": write_whole(folder / junit.FILE, junit.junit(result)),
    }


def write_whole(path: Path, content: bytes) -> Path:
    """Write *path* in one step: a reader sees the old file or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(content)
    draft.replace(path)
    return path
