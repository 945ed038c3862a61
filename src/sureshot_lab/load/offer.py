"""What every generator is asked to do, and what it answers, whichever program does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from hdrh.histogram import HdrHistogram

from sureshot_lab.errors import LabError
from sureshot_lab.result import ErrorCount, Interval
from sureshot_lab.scenario import Model, Stage

LOWEST_US, HIGHEST_US, DIGITS = 1, 3_600_000_000, 3
"""Every histogram of the laboratory has these bounds, so that all may be merged."""

Watch = Callable[[Interval], None]
"""Told each second of the load as soon as it is over, in order; its answers may still be out.

Called on the event loop; it must neither block nor raise.
"""

OURS = ("id", "sent_at_us")
"""Members every generator puts before a payload's own."""

_RUN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TOKEN = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Submissions to *base_url* along *stages*.

    ``places``: JSON members that say where to, such as ``"endpointId":"ep_..."``
    or ``"url":"http://..."``, drawn with ``weights``; a submission is these and
    the payload. ``payloads``: JSON objects as text, drawn evenly; each is sent
    with ``"id"`` and ``"sent_at_us"`` (the intended time, microseconds since the
    epoch) put before its other members. Equal seeds give equal requests, their
    ids and times aside, whatever the engine and the number of generators.
    ``run`` begins every id. ``worst_s``: an arrival that can't leave within it
    is dropped. ``connections``: how many clients a closed model has. ``tokens``: of
    each place, where they differ; else ``token`` is that of all. k6 knows only one.
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
    tokens: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What came of an offer. Latencies are microseconds of requests that were answered.

    ``latencies_us`` counts from the intended time, ``service_us`` from the moment
    of sending (equal in a closed model); ``refused_us`` are those of the latter whose
    answer was not 202. ``lags_us``: how late the generator itself got to each arrival,
    whatever the service did; empty when it does not know. ``accepted_ids`` are the webhooks
    answered 202, without those whose answer told no id. ``cpu_shares``: of each
    generator process, CPU seconds by wall seconds. ``intended``: how many arrivals
    were meant (in a closed model: as many as were sent). It is ``sent`` and
    ``dropped``, ``sent`` is ``accepted`` and ``failed``, also when it was stopped
    early: then only arrivals up to that moment count. (k6 rounds its schedule by an
    arrival or two a stage.)
    """

    engine: str
    version: str
    started_at_s: float
    wall_s: float
    cpu_shares: list[float]
    latencies_us: HdrHistogram
    service_us: HdrHistogram
    refused_us: HdrHistogram
    lags_us: HdrHistogram
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


def refuse_unusable(offer: Offer) -> None:
    """Raise ``LabError`` for an offer no generator can carry out, saying what is wrong."""
    parts = urlsplit(offer.base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise LabError(f"base_url {offer.base_url!r} must be like http://127.0.0.1:8080")
    if not _RUN.fullmatch(offer.run):
        raise LabError(f"run {offer.run!r} must be 1 to 64 letters, digits, dots, dashes")
    if not all(_TOKEN.fullmatch(token) for token in (offer.token, *offer.tokens)):
        raise LabError("the token must be printable ASCII, without spaces around it")
    _refuse_nothing(offer)
    _refuse_wrong_places(offer)
    if not offer.payloads:
        raise LabError("a load needs at least one payload, a JSON object")
    for payload in offer.payloads:
        _refuse_wrong_payload(payload)


def _refuse_nothing(offer: Offer) -> None:
    longest_s = sum(duration_s for duration_s, _start, _end in offer.stages)
    if longest_s <= 0 or any(min(stage) < 0 for stage in offer.stages):
        raise LabError("a load needs a stage with a duration above 0, and nothing negative")
    if offer.model is Model.OPEN and not any(s > 0 and a + b > 0 for s, a, b in offer.stages):
        raise LabError("a load needs a stage with a duration and a rate above 0")
    if offer.generators < 1 or offer.connections < 1:
        raise LabError("generators and connections must be 1 or more")
    if offer.worst_s <= 0:
        raise LabError(f"worst_s {offer.worst_s} must be above 0: an arrival needs time to leave")


def _refuse_wrong_places(offer: Offer) -> None:
    if not offer.places:
        raise LabError("a load needs at least one place, a url or an endpointId")
    if len(offer.weights) != len(offer.places):
        raise LabError(f"{len(offer.places)} places need as many weights, not {len(offer.weights)}")
    if offer.tokens and len(offer.tokens) != len(offer.places):
        raise LabError(f"{len(offer.places)} places need as many tokens, not {len(offer.tokens)}")
    if min(offer.weights) < 0 or sum(offer.weights) <= 0:
        raise LabError("weights must be 0 or more, and one of them above 0")
    for place in offer.places:
        members = _members("{" + place + "}")
        if not members or "payload" in members:
            raise LabError(f'place {place!r} must be like "endpointId":"ep_1", without a payload')


def _refuse_wrong_payload(payload: str) -> None:
    members = _members(payload)
    if members is None:
        raise LabError(f"payload {payload[:60]!r} must be a JSON object")
    taken = [name for name in OURS if name in members]
    if taken:
        raise LabError(f"payload {payload[:60]!r} has a member {taken[0]!r}, which is ours to set")


def _members(text: str) -> dict[str, msgspec.Raw] | None:
    """Return the members of a JSON object, or None when *text* is not one."""
    try:
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return None
