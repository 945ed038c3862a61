"""What a profile is made with: it is told when the load begins and ends, and reports then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sureshot_lab.result import Finding, RunResult, Table
from sureshot_lab.runs.options import Options
from sureshot_lab.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a profile adds to its run's result; *files* by what they are, *metrics* by name."""

    tables: Sequence[Table]
    findings: Sequence[Finding]
    files: dict[str, Path]
    metrics: dict[str, float] = field(default_factory=dict)


class Instrument(Protocol):
    """Looks into the processes of one run's service."""

    def prepare(
        self, scenario: Scenario, options: Options, folder: Path, /
    ) -> tuple[Scenario, Options]:
        """Return what is run in their place; *folder*, of the run, exists.

        Raises ``LabError`` for a scenario that cannot be looked into so.
        """
        ...

    async def watch(
        self, pids: Sequence[int], seconds: float, folder: Path, stop: asyncio.Event, /
    ) -> None:
        """Look at *pids* from now, the begin of the load, for *seconds* or until *stop*.

        Raises ``LabError`` when it may not look.
        """
        ...

    def drained(self) -> None:
        """Hear that the last webhook has arrived, and that the service goes on for a moment."""
        ...

    async def told(self, result: RunResult, folder: Path, /) -> Told:
        """Return what was seen, once the service has ended. Raises ``LabError``."""
        ...
