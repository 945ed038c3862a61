"""The files a series leaves in the folder of results: one for each of its runs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sureshot_lab.report.files import write_whole
from sureshot_lab.result import RunResult


def keep(folder: Path, name: str, result: RunResult) -> Path:
    """Write *result* to ``<folder>/<name>.json`` in one step; return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    content = msgspec.json.format(msgspec.json.encode(result), indent=1)
    return write_whole(folder / f"{name}.json", content)
