"""How fast a backlog was emptied, by when its webhooks arrived."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from sureshot_lab.result import Sample
from sureshot_lab.sink.ledger import FIRST, KIND
from sureshot_lab.sink.ledger_file import SavedLedger

MIDDLE = (0.2, 0.8)
"""The rate is of this part of the arrivals: before it workers fill up, after it they run dry."""


def arrivals_s(ledger: SavedLedger) -> list[float]:
    """Return when each webhook came for the first time, seconds since the epoch, in order."""
    found: list[float] = []
    for chunk in ledger.chunks:
        first = (np.frombuffer(chunk.marks, dtype=np.uint8) & np.uint8(KIND)) == FIRST
        found += (np.frombuffer(chunk.at_us, dtype=np.uint64)[first] / 1e6).tolist()
    return sorted(found)


def drained(arrived_s: Sequence[float], resumed_at_s: float) -> dict[str, float]:
    """Return ``drained_per_s`` and ``emptied_after_s`` of a backlog released at *resumed_at_s*.

    Both on one clock. Empty when too little arrived to tell a rate.
    """
    first, last = (int(share * len(arrived_s)) for share in MIDDLE)
    if last <= first or arrived_s[last] <= arrived_s[first]:
        return {}
    return {
        "drained_per_s": (last - first) / (arrived_s[last] - arrived_s[first]),
        "emptied_after_s": arrived_s[-1] - resumed_at_s,
    }


def slots_used_share(samples: Sequence[Sample], slots: int) -> dict[str, float]:
    """Return ``slots_used_share``: the mean in flight at *samples*, by the *slots* there are."""
    seen = [one.values.get("metrics.in_flight") for one in samples]
    known = [value for value in seen if value is not None]
    return {"slots_used_share": fmean(known) / slots} if known else {}
