"""What memray wrote of a load: allocated in all, live at its peak, kept at its end, by place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.profiling.stacks import Frame
from sureshot_lab.profiling.stages import stage_of


@dataclass
class Amount:
    """Pieces of memory, and their bytes."""

    count: int = 0
    size_bytes: int = 0

    def add(self, other: Amount) -> None:
        """Add *other*."""
        self.count += other.count
        self.size_bytes += other.size_bytes


Places = dict[Frame, Amount]
"""By the function that allocated, at the line it was at."""


@dataclass(frozen=True, kw_only=True)
class Allocations:
    """What a service allocated while it was traced; of what was there before, nothing is told.

    ``made`` is everything, however soon it was freed, and ``made_by_stage`` the same by
    the file that allocated. ``at_peak`` was live when the most was; ``kept`` was not
    freed, and may have taken the place of something older that was.
    """

    made: Places
    made_by_stage: dict[str, Amount]
    at_peak: Places
    kept: Places
    rss_begin_bytes: int
    rss_peak_bytes: int
    rss_end_bytes: int


class _Located(msgspec.Struct):
    """A place, ``function:file:line``, with one of the two."""

    location: str
    count: int = 0
    size: int = 0


class _Stats(msgspec.Struct):
    """What ``memray stats --json`` writes, as far as it is read here."""

    top_allocations_by_size: list[_Located]
    top_allocations_by_count: list[_Located]


def total(places: Iterable[Amount]) -> Amount:
    """Return all of them together."""
    whole = Amount()
    for amount in places:
        whole.add(amount)
    return whole


def read_allocations(path: Path, stats: Path) -> Allocations:
    """Return what memray's file at *path* tells, and *stats*, its statistics of every place.

    Raises:
        UnreadableResult: it is no such file, or it broke off.

    """
    import memray  # noqa: PLC0415 - optional: only a profile of the memory needs it

    try:
        made = _made(msgspec.json.decode(stats.read_bytes(), type=_Stats))
        with memray.FileReader(str(path)) as reader:
            rss_bytes = [snapshot.rss for snapshot in reader.get_memory_snapshots()]
            at_peak = _places(reader.get_high_watermark_allocation_records(merge_threads=True))
            kept = _places(reader.get_leaked_allocation_records(merge_threads=True))
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise UnreadableResult(f"{path} cannot be read: {error}") from None
    return Allocations(
        made=made,
        made_by_stage=_by_stage(made),
        at_peak=at_peak,
        kept=kept,
        rss_begin_bytes=rss_bytes[0] if rss_bytes else 0,
        rss_peak_bytes=max(rss_bytes, default=0),
        rss_end_bytes=rss_bytes[-1] if rss_bytes else 0,
    )


def _made(stats: _Stats) -> Places:
    made: Places = {}
    for one in [*stats.top_allocations_by_size, *stats.top_allocations_by_count]:
        made.setdefault(_place(one.location), Amount()).add(Amount(one.count, one.size))
    return made


def _place(location: str) -> Frame:
    """Return the place; memory that no function of Python asked for has no file."""
    function, *where = location.rsplit(":", 2)
    return Frame(function, where[0], int(where[1])) if len(where) == 2 else Frame(location)


def _by_stage(made: Places) -> dict[str, Amount]:
    stages: dict[str, Amount] = {}
    for place, amount in made.items():
        stages.setdefault(stage_of((place,)), Amount()).add(amount)
    return stages


def _places(records: Iterable[Any]) -> Places:
    places: Places = {}
    for record in records:
        leaf = record.stack_trace(max_stacks=1)
        place = Frame(*leaf[0]) if leaf else Frame("interpreter")
        places.setdefault(place, Amount()).add(Amount(record.n_allocations, record.size))
    return places
