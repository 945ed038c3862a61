"""A short measurement for a plan: rates up to the one wanted, its payload, CPU by role."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from sureshot_lab.analysis.wording import size
from sureshot_lab.capacity.payload_mix import LADDER, mix_of
from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.progress import Progress, silent
from sureshot_lab.runs.run import run_scenario, write
from sureshot_lab.scenario import Scenario, load_scenario

SHARES = (0.2, 0.5, 1.0)
MOST_PER_S = 1200.0
"""A laptop may hold that much; past it a plan goes by the fitted law, and says so."""
SECONDS = 12.0
ROUNDS = 2
"""Every rate as often, the second time downwards: a machine that grows slower is no slope."""
ANOTHER_BYTES = 32_660.0
"""A second size of payload, so that the plan follows the payload; of catalogues."""
ANOTHER_MOST_PER_S = 300.0
"""Its rate: 10 MB/s leave the disk of a laptop idle."""
FAR = 4.0
"""It must be so many times larger or smaller than the one asked for."""

Step = tuple[float, float]
"""Webhooks a second, and the mean bytes of a payload."""


def steps_towards(rate_per_s: float, payload_bytes: float) -> tuple[Step, ...]:
    """Return what to measure for a demand, in its order: three rates twice, another payload.

    That payload is sent at the middle rate, 300/s at most: the fewer share a webhook's cost,
    the less of it is the payload's.
    """
    upwards = tuple(share * min(rate_per_s, MOST_PER_S) for share in SHARES)
    turns = [upwards if turn % 2 == 0 else upwards[::-1] for turn in range(ROUNDS)]
    far = max(payload_bytes, ANOTHER_BYTES) >= FAR * min(payload_bytes, ANOTHER_BYTES)
    another = ANOTHER_BYTES if far else LADDER[0][1]
    steps = [(rate, payload_bytes) for rates in turns for rate in rates]
    return (*steps, (min(upwards[1], ANOTHER_MOST_PER_S), another))


async def calibrate(
    profile: str, receiver_s: float, steps: tuple[Step, ...], options: Options,
    seconds: float = SECONDS,
    tell: Callable[[Progress], None] = silent, stop: asyncio.Event | None = None,
) -> list[tuple[RunResult, Path]]:  # fmt: skip
    """Run the profile at each step with receivers that take *receiver_s*; return the runs.

    A step that is more than this machine can do is left out, if another one is left.

    Raises:
        LabError: every run is INVALID, or one cannot begin.

    """
    done = []
    for step in steps:
        scenario = scenario_of(profile, step, seconds, receiver_s)
        done.append(await run_by_role(scenario, options, tell, stop))
    valid = [one for one in done if one[0].verdict is not Verdict.INVALID]
    if not valid:
        raise LabError(f"the calibration says nothing: {'; '.join(done[0][0].reasons)}")
    return valid


async def run_by_role(
    scenario: Scenario, options: Options,
    tell: Callable[[Progress], None] = silent, stop: asyncio.Event | None = None,
) -> tuple[RunResult, Path]:  # fmt: skip
    """Run *scenario*; its metrics tell the CPU of each role too.

    ``<role>_cpu_us_per_webhook`` and ``api_cpu_share_of_service``, both of the load alone.
    """
    used: dict[str, dict[str, float]] = {}

    def watch(progress: Progress) -> None:
        if progress.phase in {"load", "drain"} and progress.phase not in used:
            used[progress.phase] = cpu_s_by_role()
        tell(progress)

    result, folder = await run_scenario(scenario, options, watch, stop)
    before, after = used.get("load", {}), used.get("drain", {})
    risen = {role: after[role] - before.get(role, 0.0) for role in after}
    metrics = _by_role(risen, result.metrics.get("accepted", 0.0))
    result = msgspec.structs.replace(result, metrics={**result.metrics, **metrics})
    return write(folder, result), folder


def _by_role(risen: dict[str, float], accepted: float) -> dict[str, float]:
    total_s = sum(risen.values())
    if not accepted or not total_s:
        return {}
    metrics = {f"{role}_cpu_us_per_webhook": 1e6 * s / accepted for role, s in risen.items()}
    if "api" in risen:
        metrics["api_cpu_share_of_service"] = risen["api"] / total_s
    return metrics


def cpu_s_by_role() -> dict[str, float]:
    """Return the CPU seconds of this process's own services, summed by role."""
    used: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            line = process.cmdline()
            if "sureshot" in line and "--role" in line:
                role = line[line.index("--role") + 1]
                times = process.cpu_times()
                used[role] = used.get(role, 0.0) + times.user + times.system
    return used


def scenario_of(profile: str, step: Step, seconds: float, receiver_s: float) -> Scenario:
    """Return the load of one step; its receivers are plain HTTP, as those of every run."""
    rate_per_s, payload_bytes = step
    changes = {
        "title": f"Calibration: {profile}, {rate_per_s:.0f}/s of {size(payload_bytes)}",
        "load.stages": [[seconds, rate_per_s, rate_per_s]],
        "load.warm_up_s": 1.0,
        "payload.mix": mix_of(payload_bytes),
        "service.profile": profile,
        "sink.behaviour": [{"share": 1.0, "delay_s": receiver_s}] if receiver_s else [],
        "gates.targets": [],
        "drain_s": 20.0,
    }
    return load_scenario("smoke", changes=changes)
