"""What every generator is asked to do, and what it answers, whichever program does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hdrh.histogram import HdrHistogram

from sureshot_lab.result import ErrorCount, Interval
from sureshot_lab.scenario import Model, Stage

LOWEST_US, HIGHEST_US, DIGITS = 1, 3_600_000_000, 3
"""Every histogram of the laboratory has these bounds, so that all may be merged."""

Watch = Callable[[Interval], None]
"""Told each second of the load as soon as it is over, in order; its answers may still be out."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Submissions to *base_url* along *stages*.

    ``places``: JSON members that say where to, such as ``"endpointId":"ep_..."``
    or ``"url":"http://..."``, drawn with ``weights``. ``payloads``: JSON objects
    as text, drawn evenly; each is sent with ``"id"`` and ``"sent_at_us"`` (the
    intended time, microseconds since the epoch) put before its other members.
    Equal seeds give equal requests, their ids and times aside. ``run`` begins
    every id. ``worst_s``: an arrival that can't leave within it is dropped.
    """

    base_url: str
    token: str = field(repr=False)
    places: Sequence[str]
    weights: Sequence[float]
    payloads: Sequence[str]
    stages: Sequence[Stage]
    run: str
    seed: int = 1
    model: Model = Model.OPEN
    connections: int = 64
    worst_s: float = 10.0
    generators: int = 1


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What came of an offer. Latencies are microseconds of requests that were answered.

    ``latencies_us`` counts from the intended time, ``service_us`` from the moment
    of sending (equal in a closed model). ``accepted_ids`` are the webhooks answered
    202, empty when the generator does not keep them. ``cpu_shares``: of each
    generator process, CPU seconds by wall seconds. ``intended``: how many arrivals
    were meant (in a closed model: as many as were sent).
    """

    engine: str
    version: str
    started_at_s: float
    wall_s: float
    cpu_shares: list[float]
    latencies_us: HdrHistogram
    service_us: HdrHistogram
    intervals: list[Interval]
    errors: list[ErrorCount]
    intended: int
    sent: int
    accepted: int
    failed: int
    dropped: int
    accepted_ids: list[str]
    stopped_early: bool = False
    files: dict[str, Path] = field(default_factory=dict)
