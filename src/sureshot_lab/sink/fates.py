"""What became of each webhook that came: when it was sent, and when first answered with success."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sureshot_lab.sink.histogram import Microseconds
from sureshot_lab.sink.ledger import DELIVERED, FIRST, KIND
from sureshot_lab.sink.ledger_file import SavedLedger

NEVER = -1


@dataclass(frozen=True)
class Fates:
    """Two columns, a row for each webhook whose payload told when it was sent.

    Microseconds since a load's begin. ``delivered_us`` is ``NEVER`` for one that was
    received and not once answered with success.
    """

    sent_us: Microseconds
    delivered_us: Microseconds

    def sent_before(self, at_s: float) -> Microseconds:
        """Return when those sent before *at_s*, seconds since the begin, were delivered."""
        return self.delivered_us[self.sent_us < round(at_s * 1e6)]


def fates_of(ledger: SavedLedger, origin_s: float) -> Fates:
    """Return the fates of all webhooks in *ledger*; *origin_s* is the begin, since the epoch."""
    sent: dict[bytes, int] = {}
    delivered: dict[bytes, int] = {}
    for chunk in ledger.chunks:
        rows = zip(chunk.ids, chunk.at_us, chunk.sent_us, chunk.marks, strict=True)
        for name, at_us, sent_us, mark in rows:
            if mark & KIND == FIRST and sent_us:
                sent[name] = sent_us
            if mark & DELIVERED:
                delivered[name] = at_us
    origin_us = round(origin_s * 1e6)
    ends = (delivered.get(name, origin_us + NEVER) for name in sent)
    return Fates(
        np.fromiter(sent.values(), dtype=np.int64, count=len(sent)) - origin_us,
        np.fromiter(ends, dtype=np.int64, count=len(sent)) - origin_us,
    )
