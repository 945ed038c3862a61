"""What passes between the native generator and its processes: JSON, one value a line.

A process is told its ``Task``, answers ``Ready``, is told when to ``Start``, then
tells each ``Second`` and at last ``Done``. The end of its input means stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from sureshot_lab.scenario import Model, Stage

LONGEST_LINE_BYTES = 64 << 20
"""A second's line has at most some thousand counts; a task has all payloads."""

Counts: TypeAlias = list[tuple[int, int]]
"""Microseconds, rounded down to 3 significant digits, and how often."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """The share of process *index* of *generators* in an offer.

    ``address``: where to connect, resolved. ``ends``: the places' thresholds. ``tokens``: of
    each place, or one for all.
    ``connections``: of this process. ``accepted``: the file for the accepted ids.
    """

    index: int
    generators: int
    base_url: str
    address: tuple[str, int]
    tokens: Sequence[str]
    places: Sequence[str]
    ends: Sequence[int]
    payloads: Sequence[str]
    stages: Sequence[Stage]
    run: str
    seed: int
    model: Model
    connections: int
    worst_s: float
    accepted: str


class Start(msgspec.Struct, frozen=True):
    """Begin at ``at_s`` of the monotonic clock, which is ``epoch_s`` since the epoch."""

    at_s: float
    epoch_s: float


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The process may be started."""


class Failure(msgspec.Struct, frozen=True):
    """How often one kind of error was seen, and first how long after the start."""

    count: int
    first_at_s: float


class Second(msgspec.Struct, frozen=True, kw_only=True, tag="second"):
    """Second ``number`` of the load, by intended time. Not ``final``: answers are still out.

    ``sent`` alone is by the time of leaving. ``service`` is None where it equals
    ``latencies``. ``refused``: service times of answers other than 202. ``lags``: how
    late the process looked at each arrival; nothing in a closed model.
    """

    number: int
    final: bool
    intended: int
    sent: int
    succeeded: int
    failed: int
    dropped: int
    in_flight: int
    latencies: Counts
    service: Counts | None
    refused: Counts
    lags: Counts
    errors: dict[str, Failure]


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """The process has told everything. ``cpu_share``: of a core, while arrivals were due."""

    cpu_share: float
    wall_s: float


Line: TypeAlias = Ready | Second | Done
