"""What a tuning leaves behind: every trial, the judgement, and what to do about it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.report.files import write_whole
from sureshot_lab.report.run_list import TUNING
from sureshot_lab.tuning.beginning import DEFAULTS
from sureshot_lab.tuning.judgement import Judgement
from sureshot_lab.tuning.space import Point
from sureshot_lab.tuning.trial import Trial

FILE = TUNING


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """A dimension as it was searched. ``importance``: its share, None with too few trials."""

    name: str
    values: list[int]
    start: int
    why: str
    importance: float | None = None


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known of one tuning. ``candidate``: the best trial but for the first.

    ``start_name``: what it began at, ``the defaults`` or a file; ``changes``: how the candidate
    differs from it. ``conditions``: profile, seconds of load a run,
    what was set besides, machine, revision. ``settings_file`` is empty when what it
    began at is recommended.
    """

    id: str
    scenario: str
    objective: str
    metric: str
    seed: int
    started_at: datetime
    finished_at: datetime
    conditions: dict[str, Any]
    start_name: str = DEFAULTS
    space: list[Searched]
    trials: list[Trial]
    candidate: int | None
    changes: Point
    judgement: Judgement
    remarks: list[str] = []
    stopped: bool = False
    settings_file: str = ""


def write_tuning(folder: Path, tuning: Tuning) -> Path:
    """Write ``tune.json`` into *folder*."""
    return write_whole(folder / FILE, msgspec.json.format(msgspec.json.encode(tuning), indent=1))


def read_tuning(path: Path) -> Tuning:
    """Read a tuning; *path* is the file or its folder. Raises ``UnreadableResult``."""
    file = path / FILE if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=Tuning)
    except (msgspec.DecodeError, OSError) as error:
        raise UnreadableResult(f"{file} is not a tuning of the laboratory: {error}") from None
