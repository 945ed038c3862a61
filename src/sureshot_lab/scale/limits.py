"""What else than the workers may have set the rate of a step: said beside every series."""

from __future__ import annotations

from collections.abc import Mapping

from sureshot_lab.result import RunResult, Verdict

WELL_USED = 0.6
"""Slots are seldom all taken: the record of one is awaited before the next is taken."""
BUSY = 0.9


def few_cores(most: int, cores: int | None, called: str) -> list[str]:
    """Return a sentence when this machine has fewer *cores* than *most* processes of a kind.

    *called*: ``replicas``, ``workers``; *cores* is None when they run elsewhere.
    """
    if cores is None or cores >= most:
        return []
    return [
        f"this machine has {cores} cores for {most} {called}: the speed-up is that of "
        "workers that wait for receivers, not of CPU"
    ]


def idle_slots(results: Mapping[str, RunResult], why: str) -> list[str]:
    """Return a sentence when workers had many slots free; *why* that may be."""
    used = {name: one.metrics.get("slots_used_share", 1.0) for name, one in results.items()}
    idle = [f"{name} {100 * share:.0f} %" for name, share in used.items() if share < WELL_USED]
    if not idle:
        return []
    return [
        f"workers had webhooks in {', '.join(idle)} of their slots: what feeds them was the "
        f"limit, not they. {why}"
    ]


def busy_machine(results: Mapping[str, RunResult]) -> list[str]:
    """Return a sentence when the machine had no CPU left."""
    shares = {name: one.metrics.get("host_cpu_share", 0.0) for name, one in results.items()}
    busy = [name for name, share in shares.items() if share > BUSY]
    if not busy:
        return []
    return [f"at {', '.join(busy)} this machine's CPU was used up: repeat it on a quiet one"]


def not_valid(results: Mapping[str, RunResult]) -> list[str]:
    """Return why each run that is INVALID is."""
    return [
        f"{name} is INVALID: {'; '.join(one.reasons)}"
        for name, one in results.items()
        if one.verdict is Verdict.INVALID
    ]
