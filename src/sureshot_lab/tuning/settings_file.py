"""The settings that were found, as a file that ``sureshot serve`` and ``up`` read."""

from __future__ import annotations

from pathlib import Path

from sureshot_lab.errors import LabError
from sureshot_lab.report.figures import instant
from sureshot_lab.report.files import write_whole
from sureshot_lab.tuning.beginning import DEFAULTS
from sureshot_lab.tuning.outcome import Tuning
from sureshot_lab.tuning.space import PROCESSES, SETTINGS

MARK = "# Found by `sureshot lab tune`"


def refuse_foreign(path: Path) -> None:
    """Raise ``LabError`` when *path* cannot be written, or is a file that tune did not make."""
    if not path.parent.is_dir():
        raise LabError(f"--output {path}: there is no folder {path.parent}")
    if not path.exists():
        return
    try:
        ours = path.read_text(encoding="utf-8").startswith(MARK)
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"--output {path}: {error}") from None
    if not ours:
        raise LabError(
            f"--output {path} exists, and was not written by `sureshot lab tune`: name another file"
        )


def write_settings(path: Path, tuning: Tuning) -> Path:
    """Write what differs from where it began, and how it was found, in the format of sureshot.toml.

    Counts of processes are no settings: they stand there as the command to start.
    """
    return write_whole(path, ("\n".join(_lines(tuning)) + "\n").encode())


def _lines(tuning: Tuning) -> list[str]:
    told = tuning.conditions
    lines = [
        f"{MARK} {tuning.scenario}, objective {tuning.objective}, {instant(tuning.finished_at)}.",
        f"# {tuning.judgement.says}",
        f"# Profile {told['profile']}, up to {told['peak_per_s']:.0f}/s for {told['seconds']:g} s, "
        f"{told['repeats']} runs of each side in turns; all trials: {tuning.id}.",
        "# Measured on one machine under one load: hold it against yours before you rely on it.",
    ]
    besides = ", ".join(
        f"{name} = {value}"
        for name, value in told["settings"].items()
        if SETTINGS + name not in tuning.changes
    )
    if besides:
        lines.append(f"# Measured with, besides: {besides}")
    if tuning.start_name != DEFAULTS:
        lines.append(f"# These take the place of the same settings of {tuning.start_name}.")
    counts = {name: tuning.changes.get(name, told[name.rpartition(".")[2]]) for name in PROCESSES}
    if told["profile"] == "postgres":
        lines.append(f"# Start with: sureshot up --replicas {counts['service.workers']}")
    if told["profile"] == "cluster":
        lines.append(
            f"# Start with: sureshot up --api {counts['service.api']} "
            f"--workers {counts['service.workers']}"
        )
    lines += [
        f"{name.removeprefix(SETTINGS)} = {value}"
        for name, value in tuning.changes.items()
        if name not in PROCESSES
    ]
    return lines
