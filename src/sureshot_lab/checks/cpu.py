"""Whether the machine is free enough to measure on: its idle share, and what its host takes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sureshot_lab.checks.check import Check, Subject
from sureshot_lab.report.figures import figure
from sureshot_lab.sampler.host import Host

WATCHED_S = 2.0
IDLE_SHARE = 0.50
STEAL_SHARE = 0.02

FREE = Subject("free-cpu", "Free CPU")


@dataclass(frozen=True)
class CpuUse:
    """Shares of all cores together, 0..1."""

    idle: float
    steal: float


async def watch_cpu(seconds: float = WATCHED_S) -> CpuUse:
    """Return how the CPU was used in the next *seconds*; raises ``OSError`` without ``/proc``."""
    host = Host()
    await host.read()
    await asyncio.sleep(seconds)
    values = await host.read()
    steal = values.get("host.steal_share", 0.0)
    return CpuUse(idle=1 - values.get("host.cpu_share", 0.0) - steal, steal=steal)


def check_cpu(use: CpuUse) -> Check:
    """Hold *use* against what a measurement needs."""
    found = f"{figure(use.idle, 'share')} idle, {figure(use.steal, 'share')} stolen over 2 s"
    if use.steal >= STEAL_SHARE:
        return FREE.failed(
            f"{found}; less than {STEAL_SHARE:.0%} may go to other guests of the host",
            "measure on a machine that is not shared, or when the others rest",
        )
    if use.idle < IDLE_SHARE:
        return FREE.failed(
            f"{found}; at least {IDLE_SHARE:.0%} must be idle",
            "end what else runs here, or measure elsewhere: `top` tells what it is",
        )
    return FREE.ok(found)
