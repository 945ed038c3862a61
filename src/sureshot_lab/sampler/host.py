"""The machine as a whole: CPU, memory, load, network and disks."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from sureshot_lab.sampler.rates import Rates
from sureshot_lab.sampler.source import Source

SECTOR_BYTES = 512
"""The unit of /proc/diskstats, whatever the disk's own."""
DISKS = Path("/sys/block")
NOT_DISKS = ("loop", "ram", "zram", "dm-", "md", "sr")
"""Not hardware: what they do is counted again at the disk below, or never gets to one."""
IDLE, IOWAIT, STEAL, COUNTED = 3, 4, 7, 8


class Host(Source):
    """Shares are of all cores together, in 0..1.

    ``host.cpu_share`` is time spent working, without ``steal_share`` (taken by
    the hypervisor) and ``iowait_share``. Network sums every interface, the local
    one included; disks are whole devices.
    """

    name = "host"

    def __init__(self) -> None:
        self._rates = Rates()
        self._ticks: list[int] | None = None
        disks = [disk.name for disk in DISKS.iterdir()] if DISKS.exists() else []
        self._disks = {disk for disk in disks if not disk.startswith(NOT_DISKS)}

    async def read(self) -> dict[str, float]:
        """Return what the kernel counts now; takes about 0.3 ms."""
        network, disks = _lines("/proc/net/dev"), _lines("/proc/diskstats")
        totals = {**_network(network), **_disk_totals(disks, self._disks)}
        values = {
            **self._cpu(_lines("/proc/stat")[0]),
            "memory_used_bytes": _memory_used_bytes(_lines("/proc/meminfo")),
            "load1": os.getloadavg()[0],
            **self._rates.per_s(totals, time.monotonic()),
        }
        return {f"host.{name}": value for name, value in values.items()}

    async def close(self) -> None:
        """Nothing is held open between two reads."""

    def _cpu(self, line: str) -> dict[str, float]:
        ticks = [int(field) for field in line.split()[1 : 1 + COUNTED]]
        before, self._ticks = self._ticks, ticks
        if before is None:
            return {}
        # The kernel does take back some idle time now and then.
        spent = [max(0, now - then) for now, then in zip(ticks, before, strict=True)]
        total = sum(spent)
        if not total:
            return {}
        return {
            "cpu_share": (total - spent[IDLE] - spent[IOWAIT] - spent[STEAL]) / total,
            "steal_share": spent[STEAL] / total,
            "iowait_share": spent[IOWAIT] / total,
        }


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


def _memory_used_bytes(lines: Sequence[str]) -> float:
    """Return what is neither free nor given back on demand (caches)."""
    kib = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
    return (kib["MemTotal"] - kib["MemAvailable"]) * 1024


def _network(lines: Sequence[str]) -> dict[str, float]:
    received = sent = 0
    for line in lines[2:]:
        fields = line.partition(":")[2].split()
        received += int(fields[0])
        sent += int(fields[8])
    return {"network_in_bytes": received, "network_out_bytes": sent}


def _disk_totals(lines: Sequence[str], disks: set[str]) -> dict[str, float]:
    read = written = writes = 0
    for fields in map(str.split, lines):
        if fields[2] in disks:
            read += int(fields[5])
            writes += int(fields[7])
            written += int(fields[9])
    return {
        "disk_read_bytes": read * SECTOR_BYTES,
        "disk_written_bytes": written * SECTOR_BYTES,
        "disk_writes": writes,
    }
