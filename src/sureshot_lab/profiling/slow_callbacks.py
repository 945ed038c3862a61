"""Which callbacks held the service's event loop: read from its log, summed by callback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from sureshot_lab.analysis.rules.finding import Severity, finding
from sureshot_lab.analysis.wording import told
from sureshot_lab.errors import UnreadableResult
from sureshot_lab.profiling.stacks import Frame
from sureshot_lab.result import Finding, RunResult, Table

SETTING = "slow_callback_s"
SLOW_S = 0.02
"""Four looks of the service: what is shorter it can hardly tell from its neighbours."""
EVENT = "loop.held"
LAG = "event_loop_lag_p99_s"
WAITED = 0.5
"""On a CPU for less of its time than this, a callback waited: for the disk, a lock or a core."""


class Held(msgspec.Struct, frozen=True):
    """One line of the log: a callback held the loop for ``held_s``, on a CPU for ``cpu_s``."""

    event: str
    timestamp: datetime
    callback: str = ""
    where: str = ""
    at: str = ""
    held_s: float = 0.0
    cpu_s: float = 0.0


@dataclass(frozen=True)
class SlowCallback:
    """A callback, and how often and how long it held the loop; ``longest`` tells what it was at."""

    times: int
    total_s: float
    longest: Held


def read_held(log: Path, since_s: float) -> list[Held]:
    """Return what held the loop after *since_s* (epoch), in the order of the log at *log*.

    Raises:
        UnreadableResult: the log cannot be read.

    """
    try:
        lines = log.read_bytes().splitlines()
    except OSError as error:
        raise UnreadableResult(f"{log} cannot be read: {error}") from None
    read = msgspec.json.Decoder(Held)
    held = []
    for line in lines:
        # Other events have other fields; a process that was killed leaves half a line.
        with contextlib.suppress(msgspec.DecodeError):
            held.append(read.decode(line))
    return [one for one in held if one.event == EVENT and one.timestamp.timestamp() >= since_s]


def by_callback(held: Iterable[Held]) -> list[SlowCallback]:
    """Return each callback with all its times, the one that held the loop longest first."""
    times: dict[tuple[str, str], list[Held]] = {}
    for one in held:
        times.setdefault((one.callback, one.where), []).append(one)
    found = [
        SlowCallback(
            len(every), sum(one.held_s for one in every), max(every, key=lambda one: one.held_s)
        )
        for every in times.values()
    ]
    return sorted(found, key=lambda one: -one.longest.held_s)


def slow_table(held: Sequence[Held], slow_s: float) -> Table:
    """Return a row for each callback that held the loop *slow_s* or longer."""
    none = "" if held else ": none"
    return Table(
        name="slow-callbacks",
        title=f"Callbacks that held the event loop {told(slow_s, 's')} or longer{none}",
        columns=["callback", "where", "times", "longest_s", "on_cpu_s", "total_s", "mostly_at"],
        rows=[
            [one.longest.callback, _place(one.longest.where), one.times, one.longest.held_s,
             one.longest.cpu_s, round(one.total_s, 4), _at(one.longest.at)]
            for one in by_callback(held)
        ],
    )  # fmt: skip


def slow_findings(held: Sequence[Held], result: RunResult) -> list[Finding]:
    """Return how late the service's loop was, and what held it longest."""
    found = []
    lag_s = result.metrics.get(LAG)
    if lag_s is not None:
        what = "How late the service's event loop runs what is due"
        found.append(finding(Severity.NOTE, what, f"p99 {told(lag_s, 's')}, py-spy included"))
    if held:
        worst = by_callback(held)[0]
        longest = worst.longest
        waited = longest.cpu_s < WAITED * longest.held_s
        found.append(
            finding(
                Severity.WARNING,
                f"A callback held the event loop: {longest.callback}",
                f"{told(longest.held_s, 's')} at most, {told(longest.cpu_s, 's')} of it on a CPU; "
                f"{worst.times} times, mostly at {_at(longest.at)}",
                "it waited: for a disk or a lock, or the host had no core for it"
                if waited
                else "split its work, or move it off the loop: everything else waits meanwhile",
            )
        )
    return found


def _place(where: str) -> str:
    file, _colon, line = where.rpartition(":")
    return Frame("", file, int(line) if line.isdigit() else 0).place


def _at(at: str) -> str:
    function, _space, where = at.partition(" ")
    return f"{function} {_place(where)}".strip()
