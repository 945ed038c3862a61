"""Whether there is room for a run: memory for its processes, disk for what it keeps."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil

from sureshot_lab.checks.check import Check, Subject
from sureshot_lab.checks.plan import Plan
from sureshot_lab.report.figures import figure
from sureshot_lab.targets import load_targets
from sureshot_lab.traffic.payloads import KINDS

LABORATORY_BYTES = 512 << 20
"""Generators, sink and the analysis of a run, together."""
SPARE_BYTES = 256 << 20
"""Logs of the store that are not folded in yet, reports, and the system's own needs."""
ROW_BYTES = 1024
"""What is kept of a webhook beside its payload: its row, its attempt, its lines in the ledgers."""

MEMORY = Subject("memory", "Free memory")
DISK = Subject("disk", "Free disk")


def check_memory(plan: Plan, available_bytes: int | None = None) -> Check:
    """Hold the memory available against a full process each, as targets.toml has it."""
    available = psutil.virtual_memory().available if available_bytes is None else available_bytes
    each = plan.scenario.service.memory_bytes or int(load_targets().gate("memory").limit)
    needed = plan.processes * each + LABORATORY_BYTES
    own = f"{plan.processes} of the service at {figure(each, 'bytes')}, " if plan.processes else ""
    told = (
        f"{figure(available, 'bytes')} available; {own}the laboratory "
        f"{figure(LABORATORY_BYTES, 'bytes')}"
    )
    remedy = "end what else takes memory, or measure elsewhere: swapping is no figure"
    if available < needed / 2:
        return MEMORY.failed(told, remedy)
    return MEMORY.warning(told, remedy) if available < needed else MEMORY.ok(told)


def disk_needed(plan: Plan) -> int:
    """Return how many bytes a run of *plan* may write: each webhook twice, store and its log."""
    mix = plan.scenario.payload.mix
    shares = sum(mix.values()) or 1.0
    mean = sum(share * KINDS[name].most_bytes for name, share in mix.items() if name in KINDS)
    return SPARE_BYTES + round(2 * (plan.webhooks or 0) * (mean / shares + ROW_BYTES))


def check_disk(plan: Plan) -> Check:
    """Hold the free disk under the folder of runs against what the run may write."""
    folder, needed = nearest(plan.options.runs), disk_needed(plan)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return DISK.failed(f"{folder} cannot be looked at: {error.strerror}")
    about = "" if plan.webhooks is not None else " or more, by how many webhooks it comes to"
    told = (
        f"{figure(free, 'bytes')} free at {folder.resolve()}; "
        f"a run writes up to {figure(needed, 'bytes')}{about}"
    )
    remedy = "give --runs a folder on a larger disk, or delete old runs"
    if free < needed:
        return DISK.failed(told, remedy)
    return DISK.warning(told, remedy) if free < 2 * needed else DISK.ok(told)


def nearest(folder: Path) -> Path:
    """Return *folder*, or the nearest above it that exists."""
    return next(path for path in [folder, *folder.absolute().parents] if path.exists())
