"""What goes wrong on purpose in a run, and when it did."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from typing import Protocol

from sureshot_lab.errors import LabError
from sureshot_lab.result import Event
from sureshot_lab.runs.own_service import OwnService
from sureshot_lab.scenario import Fault, FaultKind

GROWTH = 8
"""A disk that grows becomes so many times as large."""
SINK_FAULTS = {FaultKind.SINK_FAILS: "fails", FaultKind.SINK_HANGS: "hangs"}


class FaultySink(Protocol):
    """A sink that can be told to misbehave as a whole."""

    async def fault(self, mode: str) -> object:
        """Switch to ``normal``, ``fails`` or ``hangs``."""


class Faults:
    """Carries out *faults*, at seconds after ``run`` began."""

    def __init__(
        self, faults: Sequence[Fault], service: OwnService | None, sink: FaultySink
    ) -> None:
        """Raise ``LabError`` for a fault that nothing here can have."""
        hurting = [fault for fault in faults if fault.kind not in SINK_FAULTS]
        if hurting and service is None:
            raise LabError(
                f"the fault {hurting[0].kind} needs a service of the laboratory's own; "
                "leave --target out"
            )
        grows = any(fault.kind is FaultKind.DISK_GROWS for fault in faults)
        if grows and service is not None and service.disk is None:
            raise LabError("the fault disk-grows needs service.disk_bytes")
        self._faults = sorted(faults, key=lambda fault: fault.at_s)
        self._service = service
        self._sink = sink
        self._done: list[tuple[float, str]] = []

    async def run(self) -> None:
        """Do them all, each in its time."""
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in self._faults:
                group.create_task(self._later(fault, began_s))

    def events(self, started_at_s: float) -> list[Event]:
        """Return what was done, in seconds since *started_at_s* (seconds since the epoch)."""
        return [Event(at_s=round(at_s - started_at_s, 3), what=what) for at_s, what in self._done]

    async def _later(self, fault: Fault, began_s: float) -> None:
        await asyncio.sleep(max(0.0, began_s + fault.at_s - time.monotonic()))
        self._note(_begins(fault))
        await self._do(fault)
        self._note(_ends(fault))

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
            await service.ready()
        elif service.disk is not None and fault.kind is FaultKind.DISK_GROWS:
            service.disk.grow(GROWTH)
        else:
            await service.restart()

    def _note(self, what: str) -> None:
        self._done.append((time.time(), what))


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
