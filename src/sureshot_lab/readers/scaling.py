"""One load at several scales: speed-up, efficiency, and whether the runs can show any."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.readers.reading import Reading

SCALE = re.compile(r"(?:(?:^|[-_.])(\d+)x|scale[-_.]?(\d+))$")
SAME_RATE = 1.05
"""Rates no further apart than this are the same load."""


@dataclass(frozen=True)
class Step:
    """One run of the series. ``speed_up`` and ``efficiency`` are relative to the smallest scale."""

    scale: int
    reading: Reading
    good_per_s: float
    speed_up: float
    efficiency: float


def steps_of(readings: Sequence[Reading]) -> list[Step]:
    """Return the series by scale, as numbers: 1x, 3x, 10x. Several runs of a scale stay apart.

    Raises:
        UnreadableResult: a file's name does not tell its scale, or nothing succeeded at the
            smallest one.

    """
    rated = sorted(
        ((_scale(reading), _good_per_s(reading), reading) for reading in readings),
        key=lambda item: item[:2],
    )
    smallest = rated[0][0]
    first_per_s = median(good for scale, good, _ in rated if scale == smallest)
    if not first_per_s:
        raise UnreadableResult(f"nothing succeeded at {smallest}x: there is nothing to compare to")
    return [
        Step(
            scale=scale,
            reading=reading,
            good_per_s=good,
            speed_up=good / first_per_s,
            efficiency=good / first_per_s / (scale / smallest),
        )
        for scale, good, reading in rated
    ]


def remarks(steps: Sequence[Step]) -> list[str]:
    """Return what the series can and cannot show."""
    if len({step.scale for step in steps}) < 2:
        return ["One scale only: run the others too before speaking of scaling."]
    rates = [step.good_per_s for step in steps]
    strained = [step for step in steps if not _kept_up(step.reading)]
    if not strained and max(rates) <= min(rates) * SAME_RATE:
        return [
            "The same load was offered at each scale and all of it was done: the load set the "
            "rate, not the service, so these runs show nothing of scaling. Let the load grow "
            "with the replicas (REPLICAS), or offer more than one replica can do."
        ]
    if not strained:
        return ["Every step kept up with its load: the service can do at least this, maybe more."]
    names = ", ".join(dict.fromkeys(f"{step.scale}x" for step in strained))
    return [f"At {names} requests failed or were dropped: there the service was at its limit."]


def _kept_up(reading: Reading) -> bool:
    share = reading.metrics.get("submission_success_share", reading.success_share)
    return not reading.dropped and (share is None or share > 0.999)


def _scale(reading: Reading) -> int:
    found = SCALE.search(reading.label)
    if not found:
        raise UnreadableResult(
            f"{reading.source}: its name does not tell the scale; call it scale-3x.json"
        )
    scale = int(found[1] or found[2])
    if not scale:
        raise UnreadableResult(f"{reading.source}: a scale of 0 cannot be compared")
    return scale


def _good_per_s(reading: Reading) -> float:
    per_min = reading.metrics.get("throughput_per_min")
    good = per_min / 60 if per_min is not None else reading.good_per_s
    if good is None:
        raise UnreadableResult(f"{reading.source} holds no rate: the run was too short")
    return good
