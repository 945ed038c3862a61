"""One rate of a search: what arrived of it and when, which promise broke, and by whose doing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sureshot_lab.analysis.rules.validity import GENERATOR_SHARE
from sureshot_lab.load.offer import Offered
from sureshot_lab.runs.measure import latency_of
from sureshot_lab.sink.histogram import HIGHEST_US, fold, new_histogram, percentiles_s
from sureshot_lab.sink.ledger import BAD_SIGNATURE, DELIVERED, FIRST, KIND
from sureshot_lab.sink.ledger_file import SavedLedger
from sureshot_lab.targets import load_targets

SOON_S = 3.0
"""A rate that is kept leaves nothing behind: what was accepted has arrived so soon after."""


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """What a ledger tells of one step's own webhooks, whichever others are in it.

    ``delivered`` were answered with success, ``in_time`` of them before the load's end, ``soon``
    of them within ``SOON_S`` of the last answer. ``p95_s``: end to end, of first receipts.
    """

    delivered: int
    in_time: int
    soon: int
    p95_s: float


@dataclass(frozen=True, kw_only=True)
class Step:
    """One rate: what it came to, and which promise it broke (empty: none).

    ``delivered``: those of its webhooks that had arrived when the next step began;
    ``in_time``: when its load ended. ``by_generator``: it broke, and that tells nothing of
    the service.
    """

    rate_per_s: float
    offered: Offered
    delivered: int
    in_time: int
    submission_p99_s: float
    end_to_end_p95_s: float
    broken: str
    by_generator: bool
    at_s: float
    lasted_s: float

    @property
    def generator_share(self) -> float:
        """Of a core, what the busiest generator process used."""
        return max(self.offered.cpu_shares, default=0.0)


def receipts_of(ledger: SavedLedger) -> tuple[set[str], int]:
    """Return every webhook that came, and how many requests had a wrong signature."""
    came: set[str] = set()
    bad_signatures = 0
    for chunk in ledger.chunks:
        for name, mark in zip(chunk.ids, chunk.marks, strict=True):
            if mark & KIND == FIRST:
                came.add(name.decode("latin-1"))
            bad_signatures += mark & KIND == BAD_SIGNATURE
    return came, bad_signatures


def arrivals_of(ledger: SavedLedger, offered: Offered, lasted_s: float) -> Arrivals:
    """Return what *ledger* tells of a load that *lasted_s*."""
    own = {one.encode("latin-1") for one in offered.accepted_ids}
    end_us = (offered.started_at_s + lasted_s) * 1e6
    soon_us = (offered.started_at_s + max(lasted_s, offered.wall_s) + SOON_S) * 1e6
    latencies_us: list[int] = []
    delivered = in_time = soon = 0
    for chunk in ledger.chunks:
        rows = zip(chunk.ids, chunk.at_us, chunk.sent_us, chunk.marks, strict=True)
        for name, at_us, sent_us, mark in rows:
            if name not in own:
                continue
            if mark & KIND == FIRST and 0 <= at_us - sent_us <= HIGHEST_US:
                latencies_us.append(at_us - sent_us)
            if mark & DELIVERED:
                delivered += 1
                in_time += at_us < end_us
                soon += at_us < soon_us
    return Arrivals(delivered=delivered, in_time=in_time, soon=soon, p95_s=_p95_s(latencies_us))


def step_of(
    rate_per_s: float, offered: Offered, arrivals: Arrivals, at_s: float, lasted_s: float
) -> Step:
    """Hold a load and its *arrivals* against the promises; it began *at_s* on the run's clock."""
    submission = latency_of(offered.latencies_us)
    p99_s = submission.p99_s if submission else 0.0
    broken = _broken(offered, arrivals, p99_s)
    return Step(
        rate_per_s=rate_per_s,
        offered=offered,
        delivered=arrivals.delivered,
        in_time=arrivals.in_time,
        submission_p99_s=p99_s,
        end_to_end_p95_s=arrivals.p95_s,
        broken=broken,
        by_generator=bool(broken) and _by_generator(offered, arrivals),
        at_s=at_s,
        lasted_s=lasted_s,
    )


def _broken(offered: Offered, arrivals: Arrivals, p99_s: float) -> str:
    """Return the promise that was broken, or nothing."""
    good = offered.accepted / offered.intended if offered.intended else 0.0
    if offered.dropped:
        return f"{offered.dropped} arrivals dropped"
    if good <= _limit("success-rate"):
        return f"only {good:.2%} accepted"
    if p99_s >= _limit("api-latency"):
        return "submission p99 too high"
    if arrivals.p95_s >= _limit("delivery-latency"):
        return "end to end p95 too high"
    late = offered.accepted - arrivals.soon
    return f"{late} not delivered {SOON_S:g} s after the load" if late > 0 else ""


def _by_generator(offered: Offered, arrivals: Arrivals) -> bool:
    """Whether the generator was full, or dropped arrivals while all it sent was dealt with well.

    A service that is too slow makes arrivals drop as well, but shows it in what was sent: the
    time from sending counts here, which the generator's own delays are not part of.
    """
    if max(offered.cpu_shares, default=0.0) > GENERATOR_SHARE:
        return True
    if not offered.dropped or not offered.sent:
        return False
    service = latency_of(offered.service_us)
    return (
        offered.accepted / offered.sent > _limit("success-rate")
        and service is not None
        and service.p99_s < _limit("api-latency")
        and arrivals.soon >= offered.accepted
    )


def _limit(name: str) -> float:
    return load_targets().gate(name).limit


def _p95_s(latencies_us: list[int]) -> float:
    histogram = new_histogram()
    fold(histogram, np.array(latencies_us, dtype=np.int64))
    return percentiles_s(histogram, (95,))[0] or 0.0
