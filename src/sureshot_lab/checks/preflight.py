"""The checklist before a run: the specification's five lines, and whether the machine is fit."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec

from sureshot_lab.checks.baseline import check_baseline
from sureshot_lab.checks.check import Check, State, Tick, tick, worst
from sureshot_lab.checks.clock import check_drift, check_ntp, read_ntp, watch_clock
from sureshot_lab.checks.cpu import FREE, WATCHED_S, CpuUse, check_cpu, watch_cpu
from sureshot_lab.checks.delivery import check_delivery
from sureshot_lab.checks.descriptors import check_descriptors, check_ports
from sureshot_lab.checks.environment import reached
from sureshot_lab.checks.load_data import check_data
from sureshot_lab.checks.monitors import check_monitors
from sureshot_lab.checks.plan import Plan
from sureshot_lab.checks.room import check_disk, check_memory
from sureshot_lab.checks.thresholds import check_gates, check_rules, check_targets
from sureshot_lab.checks.versions import check_versions


class Preflight(msgspec.Struct, frozen=True, kw_only=True):
    """Every line of the list, as bad as the worst. ``target``: a url, or "own service"."""

    scenario: str
    size: str
    environment: str
    target: str
    looked_at: datetime
    state: State
    ticks: list[Tick]


async def preflight(plan: Plan) -> Preflight:
    """Go through the list for *plan*; takes some seconds, for it starts a service and sends to it.

    Whatever it makes it removes again, but for one webhook in a target's history.
    Never raises for what it finds.
    """
    # First of all, while nothing of ours takes CPU.
    machine = await _machine(plan)
    async with reached(plan) as service:
        monitors = await check_monitors(service, plan.prometheus, plan.options)
        data = [*check_data(plan), *await check_delivery(plan, service)]
    ticks = [
        tick("Test environment ready", service.checks),
        tick("Monitoring tools configured", monitors),
        tick("Test data prepared", data),
        tick("Baselines established", [check_baseline(plan)]),
        tick("Alert thresholds set", [check_targets(), check_gates(plan), check_rules(plan.rules)]),
        tick("Machine fit to measure on", machine),
    ]
    return Preflight(
        scenario=plan.scenario.name,
        size=plan.scenario.size,
        environment=plan.options.environment,
        target=plan.options.target or "own service",
        looked_at=datetime.now(UTC),
        state=worst(one.state for one in ticks),
        ticks=ticks,
    )


async def _machine(plan: Plan) -> list[Check]:
    cpu, drift_s = await asyncio.gather(watch_cpu(), watch_clock(WATCHED_S), return_exceptions=True)
    if isinstance(cpu, CpuUse):
        free = check_cpu(cpu)
    else:
        free = FREE.failed(f"/proc/stat cannot be read: {cpu}", "the laboratory needs Linux")
    if isinstance(drift_s, BaseException):
        raise drift_s
    return [
        free,
        check_memory(plan),
        check_disk(plan),
        check_descriptors(plan),
        check_ports(plan),
        check_drift(drift_s),
        check_ntp(read_ntp(), plan.options.target),
        *check_versions(plan),
    ]
