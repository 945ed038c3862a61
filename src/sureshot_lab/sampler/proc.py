"""What Linux tells about processes under ``/proc``, read with as little work as possible."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
DEAD = (b"Z", b"X")
"""Zombie, dead: it has ended, and nobody asked yet how."""
SWITCHES = (b"\nvoluntary_ctxt_switches:", b"\nnonvoluntary_ctxt_switches:")
MOST_BYTES = 8192


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """One process. ``cpu_s``: user and system time of all its threads, ended ones too.

    ``started_s`` counts from the machine's start, in steps of a tick; with the pid it
    names a process for good.
    """

    pid: int
    cpu_s: float
    threads: int
    started_s: float
    rss_bytes: int


class ProcessTable:
    """All processes of one moment: the living, and who started whom."""

    def __init__(self) -> None:
        self._fields: dict[int, list[bytes]] = {}
        self._children: dict[int, list[int]] = {}
        self._commands: dict[int, bytes] = {}
        for entry in os.listdir("/proc"):  # noqa: PTH208 - hot
            if entry.isdecimal():
                self._add(int(entry))

    def _add(self, pid: int) -> None:
        try:
            text = read_small(f"/proc/{pid}/stat")
        except OSError:
            return
        # The command is in parentheses and may hold any character, even these.
        head, _, tail = text.rpartition(b")")
        fields = tail.split()
        if fields[0] in DEAD:
            return
        self._fields[pid] = fields
        self._children.setdefault(int(fields[1]), []).append(pid)
        self._commands[pid] = head.partition(b"(")[2]

    def __contains__(self, pid: int) -> bool:
        return pid in self._fields

    def stat(self, pid: int) -> ProcessStat:
        """Return what is known of a process that is in the table."""
        fields = self._fields[pid]
        return ProcessStat(
            pid=pid,
            cpu_s=(int(fields[11]) + int(fields[12])) / TICKS_PER_S,
            threads=int(fields[17]),
            started_s=int(fields[19]) / TICKS_PER_S,
            rss_bytes=int(fields[21]) * PAGE_BYTES,
        )

    def children(self, pid: int) -> list[int]:
        """Return the processes that *pid* started and that still live."""
        return self._children.get(pid, [])

    def named(self, command: str) -> list[int]:
        """Return the processes running *command*, of which Linux keeps 15 bytes."""
        wanted = command.encode()[:15]
        return [pid for pid, name in self._commands.items() if name == wanted]


def context_switches(pid: int) -> dict[int, int]:
    """Return each thread's switches so far, by thread; nothing for a process that ended."""
    counts: dict[int, int] = {}
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - hot
            with contextlib.suppress(OSError):
                text = read_small(f"/proc/{pid}/task/{thread}/status")
                counts[int(thread)] = sum(_number_after(mark, text) for mark in SWITCHES)
    return counts


def open_descriptors(pid: int) -> int | None:
    """Return how many descriptors are open, None when that may not be seen."""
    folder = f"/proc/{pid}/fd"
    try:
        # Linux 6.2 and newer tell the number as the folder's size; 0 before that.
        return os.stat(folder).st_size or len(os.listdir(folder))  # noqa: PTH116, PTH208 - hot
    except OSError:
        return None


def read_small(path: str) -> bytes:
    """Return a small file's content in one system call; raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, MOST_BYTES)
    finally:
        os.close(descriptor)


def _number_after(mark: bytes, text: bytes) -> int:
    begin = text.find(mark)
    return int(text[begin + len(mark) :].split(None, 1)[0]) if begin >= 0 else 0
