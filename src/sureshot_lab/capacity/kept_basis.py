"""What runs said of a webhook, in a small file: to plan from without them, on another day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sureshot_lab.capacity.observation import Observation
from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult

REFERENCE = Path(__file__).with_name("reference.json")
"""Shipped with the laboratory: for a plan where nothing was measured."""


@dataclass(frozen=True)
class KeptBasis:
    """The runs of one profile, and the machine and the day they were measured on."""

    machine: str
    day: str
    seen: list[Observation]

    @property
    def source(self) -> str:
        """Return the machine and the day, for people."""
        return f"{self.machine}, {self.day}"


def keep_basis(file: Path, seen: Sequence[Observation], first: RunResult) -> None:
    """Write *seen* to *file*; what it holds of other profiles stays.

    *first* of the runs tells machine and day.

    Raises:
        LabError: the runs are of several profiles; *file* is something else, or can't be
            written.

    """
    profiles = {one.profile for one in seen}
    if len(profiles) != 1:
        raise LabError(f"kept are runs of one profile, these are of {', '.join(sorted(profiles))}")
    told = first.conditions
    machine = f"{told.machine.get('cpu', 'unknown CPU')}, {told.machine.get('cores', '?')} cores"
    kept = (_read(file) or {}) if file.exists() else {}
    if file.exists() and not kept:
        raise LabError(f"{file} is no file of --keep: give another name, or remove it")
    kept[profiles.pop()] = KeptBasis(machine, f"{told.started_at:%Y-%m-%d}", list(seen))
    text = msgspec.json.format(msgspec.json.encode(kept, order="sorted"), indent=1)
    try:
        file.write_bytes(text + b"\n")
    except OSError as error:
        raise LabError(f"{file} can't be written: {error.strerror}") from None


def read_basis(file: Path, profile: str) -> KeptBasis | None:
    """Return what *file* holds of *profile*; None when it is no such file.

    Raises:
        LabError: it is one, of other profiles.

    """
    kept = _read(file)
    if kept is None:
        return None
    if profile in kept:
        return kept[profile]
    raise LabError(f"{file} holds nothing of the profile {profile}, only {', '.join(kept)}")


def reference_basis(profile: str) -> KeptBasis | None:
    """Return the reference for *profile*, None without one."""
    return (_read(REFERENCE) or {}).get(profile)


def _read(file: Path) -> dict[str, KeptBasis] | None:
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=dict[str, KeptBasis])
    except (OSError, msgspec.DecodeError):
        return None
    return kept or None
