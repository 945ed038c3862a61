"""What goes wrong on purpose in a run, and when it did."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sureshot_lab.errors import LabError
from sureshot_lab.result import Event
from sureshot_lab.runs.own_service import OwnService
from sureshot_lab.scenario import Fault, FaultKind

GROWTH = 8
"""A disk that grows becomes so many times as large."""
SINK_FAULTS = {FaultKind.SINK_FAILS: "fails", FaultKind.SINK_HANGS: "hangs"}
ENDINGS = frozenset({FaultKind.KILL, FaultKind.RESTART})
"""Faults that end a process: to be back is the service's own doing, and takes its time."""


class FaultySink(Protocol):
    """A sink that can be told to misbehave as a whole."""

    async def fault(self, mode: str) -> object:
        """Switch to ``normal``, ``fails`` or ``hangs``."""


@dataclass(frozen=True)
class Disturbance:
    """From the first fault's begin to when the last one let go of the service.

    A process that is killed is let go of at once: how long it takes to be back is its own
    recovery. One that is stopped, or whose receivers fail, can do nothing before it ends.
    """

    began_s: float
    let_go_s: float


class Faults:
    """Carries out *faults*, at seconds after ``run`` began."""

    def __init__(
        self, faults: Sequence[Fault], service: OwnService | None, sink: FaultySink
    ) -> None:
        """Take *faults* that this service can have: see ``needs.refuse_impossible``."""
        self._faults = sorted(faults, key=lambda fault: fault.at_s)
        self._service = service
        self._sink = sink
        self._done: list[tuple[float, str]] = []
        self._spans: list[tuple[float, float]] = []

    async def run(self) -> None:
        """Do them all, each in its time.

        Raises:
            LabError: one did not go as it should, such as a service that is not back in time;
                those that were still to come are left out.

        """
        began_s = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                for fault in self._faults:
                    group.create_task(self._later(fault, began_s))
        except* LabError as failed:
            failures = failed
        else:
            return
        raise _first(failures)

    def events(self, started_at_s: float) -> list[Event]:
        """Return what was done, in seconds since *started_at_s* (seconds since the epoch)."""
        return [Event(at_s=round(at_s - started_at_s, 3), what=what) for at_s, what in self._done]

    def disturbance(self, started_at_s: float) -> Disturbance | None:
        """Return what they were together, in seconds since *started_at_s*; None without any."""
        if not self._spans:
            return None
        began_s = min(began_s for began_s, _let_go_s in self._spans)
        let_go_s = max(let_go_s for _began_s, let_go_s in self._spans)
        return Disturbance(round(began_s - started_at_s, 3), round(let_go_s - started_at_s, 3))

    async def _later(self, fault: Fault, began_s: float) -> None:
        await asyncio.sleep(max(0.0, began_s + fault.at_s - time.monotonic()))
        self._note(_begins(fault))
        at_s = time.time()
        try:
            await self._do(fault)
        except LabError as error:
            raise LabError(f"after the fault {fault.kind} at {fault.at_s:g} s {error}") from error
        self._note(_ends(fault))
        self._spans.append((at_s, at_s if fault.kind in ENDINGS else time.time()))

    async def _do(self, fault: Fault) -> None:
        if fault.kind in SINK_FAULTS:
            await self._sink.fault(SINK_FAULTS[fault.kind])
            await asyncio.sleep(fault.duration_s)
            await self._sink.fault("normal")
        elif self._service is not None:
            await self._hurt(self._service, fault)

    async def _hurt(self, service: OwnService, fault: Fault) -> None:
        if fault.kind is FaultKind.STOP:
            service.hurt(signal.SIGSTOP, fault.role)
            await asyncio.sleep(fault.duration_s)
            service.hurt(signal.SIGCONT, fault.role)
        elif fault.kind is FaultKind.KILL:
            if not service.hurt(signal.SIGKILL, fault.role, most=1):
                self._note(f"there was no process of role {fault.role} to kill")
            await asyncio.sleep(0.2)
            await service.ready(fault.within_s)
        elif service.disk is not None and fault.kind is FaultKind.DISK_GROWS:
            service.disk.grow(GROWTH)
        else:
            await service.restart(fault.within_s)

    def _note(self, what: str) -> None:
        self._done.append((time.time(), what))


def _first(failed: BaseExceptionGroup[LabError]) -> LabError:
    """Return the first of them, however deep it lies."""
    inner = failed.exceptions[0]
    return inner if isinstance(inner, LabError) else _first(inner)


def _begins(fault: Fault) -> str:
    what = "the service" if fault.role == "all" else f"a {fault.role}"
    told = {
        FaultKind.STOP: f"{what} is stopped (SIGSTOP)",
        FaultKind.KILL: f"{what} is killed (SIGKILL)",
        FaultKind.RESTART: f"{what} is restarted",
        FaultKind.SINK_FAILS: "every receiver fails",
        FaultKind.SINK_HANGS: "every receiver hangs",
        FaultKind.DISK_GROWS: "the disk is made larger",
    }
    return told[fault.kind]


def _ends(fault: Fault) -> str:
    told = {
        FaultKind.STOP: "the service goes on (SIGCONT)",
        FaultKind.KILL: "the service is ready again",
        FaultKind.RESTART: "the service is ready again",
        FaultKind.DISK_GROWS: f"the disk is {GROWTH} times as large",
    }
    return told.get(fault.kind, "the receivers are well again")
