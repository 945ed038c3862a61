"""Deliveries as seconds of a load: each second's webhooks, however long they took to arrive."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sureshot_lab.result import Interval
from sureshot_lab.sink.fates import NEVER, Fates

SHARES = (50, 95, 99)


def delivery_seconds(offered: Sequence[Interval], fates: Fates) -> list[Interval]:
    """Return *offered* with what became of the webhooks that each second brought.

    ``intended`` and ``sent`` are how many were accepted, ``failed`` how many were received
    and never answered with success; the percentiles are of the time from the intended
    submission to the first success, with retries, of those that had one.
    """
    took_us = (fates.delivered_us - fates.sent_us)[fates.delivered_us != NEVER]
    sent_s = fates.sent_us // 1_000_000
    ended_s = sent_s[fates.delivered_us != NEVER]
    failed_s = sent_s[fates.delivered_us == NEVER]
    order = np.argsort(ended_s, kind="stable")
    ended_s, took_us = ended_s[order], took_us[order]
    found = []
    for second in offered:
        number = round(second.at_s)
        first, last = np.searchsorted(ended_s, (number, number + 1))
        here = took_us[first:last] / 1e6
        p50_s, p95_s, p99_s = np.percentile(here, SHARES).tolist() if len(here) else [None] * 3
        found.append(
            Interval(
                at_s=second.at_s,
                intended=second.succeeded,
                sent=second.succeeded,
                succeeded=len(here),
                failed=int(np.count_nonzero(failed_s == number)),
                p50_s=p50_s,
                p95_s=p95_s,
                p99_s=p99_s,
            )
        )
    return found


def backlog_gone_s(fates: Fates, at_s: float) -> float | None:
    """Return how long after *at_s* the last of what was sent before it was delivered.

    0 when nothing was left then; None when something of it never was.
    """
    delivered_us = fates.sent_before(at_s)
    if np.any(delivered_us == NEVER):
        return None
    last_s = float(delivered_us.max()) / 1e6 if len(delivered_us) else at_s
    return max(0.0, last_s - at_s)
