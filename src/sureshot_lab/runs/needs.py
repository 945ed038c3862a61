"""What a scenario needs of the service it is run against: refused before anything begins."""

from __future__ import annotations

from sureshot_lab.errors import LabError
from sureshot_lab.runs.faults import SINK_FAULTS
from sureshot_lab.runs.options import Options
from sureshot_lab.scenario import FaultKind, Scenario

LIMITS = ("memory_bytes", "descriptors", "disk_bytes")
ELSEWHERE = "leave --target out, or run a scenario without it (`sureshot lab list`)"


def refuse_impossible(scenario: Scenario, options: Options) -> None:
    """Raise ``LabError`` when *scenario* needs something that this run can't give it.

    Limits, faults of processes and disks, and what ``service.required`` marks can only be
    had by a service of the laboratory's own: without them, a PASS would be of another question.
    """
    plan = scenario.service
    hurting = [fault.kind for fault in scenario.fault if fault.kind not in SINK_FAULTS]
    if FaultKind.DISK_GROWS in hurting and plan.disk_bytes is None:
        raise LabError("the fault disk-grows needs service.disk_bytes: a small disk to begin with")
    if options.target is None:
        return
    limits = [f"service.{name}" for name in LIMITS if getattr(plan, name) is not None]
    if plan.required:
        limits += [f"service.settings.{name}" for name in plan.settings]
    asked = limits + [f"the fault {kind}" for kind in dict.fromkeys(hurting)]
    if asked:
        raise LabError(
            f"{scenario.name} needs {' and '.join(asked)}, which the laboratory can give only "
            f"to a service of its own, not to {options.target}: {ELSEWHERE}"
        )


def not_applied(scenario: Scenario) -> str:
    """Return what *scenario* would have set in a service of its own, for a report; or nothing."""
    return ", ".join(f"{name} = {value}" for name, value in scenario.service.settings.items())
