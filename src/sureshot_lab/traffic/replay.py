"""Recorded traffic sent again: its rates as stages, its payloads and endpoints as pools."""

from __future__ import annotations

import json
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.scenario import Stage
from sureshot_lab.traffic.chance import Chance
from sureshot_lab.traffic.recording import Record

OURS = ("id", "sent_at_us")
"""Members every generator puts into a payload: what was recorded under these names is left out."""


@dataclass(frozen=True)
class Replay:
    """What to offer so that it is like the recording.

    ``endpoints`` by falling number of webhooks, ``weights`` their shares (sum 1).
    ``payloads``: JSON objects as text, none empty. ``event_types``: how many of each.
    """

    stages: list[Stage]
    payloads: list[str]
    endpoints: list[str]
    weights: list[float]
    event_types: dict[str, int]
    webhooks: int


def replay_of(
    records: Iterable[Record],
    *,
    factor: float = 1.0,
    step_s: float = 1.0,
    most_payloads: int = 1000,
    seed: int = 1,
) -> Replay:
    """Return a replay, *factor* times as fast as it was; 2 is half the time, double the rate.

    Rates are those of steps of *step_s*, in the time of the replay; their arrivals add up
    to the webhooks recorded. Up to *most_payloads* payloads are kept, each recorded one
    with the same chance (reservoir sampling, Vitter's algorithm R, 1985).

    Raises:
        LabError: no record at all, or a factor, step or number of payloads not above 0.

    """
    if not all(value > 0 and math.isfinite(value) for value in (factor, step_s)):
        raise LabError(f"factor and step must be above 0, not {factor} and {step_s} s")
    if most_payloads < 1:
        raise LabError(f"a pool needs 1 payload or more, not {most_payloads}")
    chance = Chance("replay", seed)
    times_s = array("d")
    endpoints: Counter[str] = Counter()
    event_types: Counter[str] = Counter()
    pool: list[Record] = []
    for number, record in enumerate(records):
        times_s.append(record.at_s)
        endpoints[record.endpoint] += 1
        event_types[record.event_type] += 1
        place = number if number < most_payloads else chance.below(number + 1)
        if place < most_payloads:
            pool[place : place + 1] = [record]
    if not times_s:
        raise LabError("the recording holds no webhook: there is nothing to replay")
    ranked = endpoints.most_common()
    return Replay(
        stages=stages_of(times_s, factor=factor, step_s=step_s),
        payloads=[_payload(record) for record in pool],
        endpoints=[name for name, _count in ranked],
        weights=[count / len(times_s) for _name, count in ranked],
        event_types=dict(event_types.most_common()),
        webhooks=len(times_s),
    )


def stages_of(times_s: Sequence[float], *, factor: float = 1.0, step_s: float = 1.0) -> list[Stage]:
    """Return stages of one rate each whose arrivals are those at *times_s*, in any order.

    Neighbours with equal rates become one stage; a silence is a stage of rate 0.
    """
    first_s = min(times_s)
    counts = Counter(int((at_s - first_s) / factor / step_s) for at_s in times_s)
    stages: list[Stage] = []
    reached = 0
    for step, count in sorted(counts.items()):
        _extend(stages, (step - reached) * step_s, 0.0)
        _extend(stages, step_s, count / step_s)
        reached = step + 1
    return stages


def _extend(stages: list[Stage], seconds: float, rate: float) -> None:
    if not seconds:
        return
    if stages and stages[-1][1] == rate:
        seconds += stages.pop()[0]
    stages.append((seconds, rate, rate))


def _payload(record: Record) -> str:
    # Raw members, so that numbers and strings stay as they were written.
    members = msgspec.json.decode(record.payload, type=dict[str, msgspec.Raw])
    kept = {name: value for name, value in members.items() if name not in OURS}
    if not kept:
        # An empty object has no first member for the generator to put others before.
        return json.dumps({"event": record.event_type})
    return record.payload_text if len(kept) == len(members) else msgspec.json.encode(kept).decode()
