"""What a ledger comes to: counts, latencies and seconds, chunk by chunk in bounded memory."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from sureshot_lab.sink.histogram import HIGHEST_US, Microseconds, fold, new_histogram
from sureshot_lab.sink.ledger import DELIVERED, KIND, UNVERIFIED, Chunk, Kind

SHARES = (0.50, 0.95, 0.99)


class Second(msgspec.Struct, kw_only=True):
    """One second at the sink; ``at_s`` is its begin, seconds since the epoch.

    ``received`` counts requests, ``delivered`` webhooks answered with success for
    the first time. The latencies are end to end, of webhooks that came for the
    first time in this second; None when none of them said when it was sent.
    """

    at_s: float
    received: int = 0
    delivered: int = 0
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None


class Tally:
    """Counts chunks of a ledger; ``latencies_us`` holds first receipts, from the payload's time.

    Seconds are counted from *origin_s*, seconds since the epoch. ``unverified``
    are requests no secret was known for. ``untimed`` are first receipts without
    a time in their payload, or with one more than an hour away.
    """

    def __init__(self, origin_s: float = 0.0) -> None:
        self._origin_us = round(origin_s * 1e6)
        self._seconds: dict[int, Second] = {}
        self._open: dict[int, list[Microseconds]] = {}
        self.latencies_us = new_histogram()
        self.received = self.unique = self.delivered = 0
        self.retries = self.duplicates = 0
        self.bad_signatures = self.unverified = self.unnamed = self.untimed = 0

    def add(self, chunk: Chunk) -> None:
        """Count *chunk*, which follows the ones before."""
        if not chunk.ids:
            return
        at_us = np.frombuffer(chunk.at_us, dtype=np.uint64).astype(np.int64)
        sent_us = np.frombuffer(chunk.sent_us, dtype=np.uint64).astype(np.int64)
        marks = np.frombuffer(chunk.marks, dtype=np.uint8)
        kinds = marks & np.uint8(KIND)
        self._count(kinds, marks)
        latencies_us = at_us - sent_us
        timed = (kinds == Kind.FIRST) & (latencies_us >= 0) & (latencies_us <= HIGHEST_US)
        fold(self.latencies_us, latencies_us[timed])
        self.untimed = self.unique - int(self.latencies_us.total_count)
        seconds = (at_us - self._origin_us) // 1_000_000
        for number in np.unique(seconds).tolist():
            here = seconds == number
            second = self._second(number)
            second.received += int(np.count_nonzero(here & (kinds != Kind.ANSWERED)))
            second.delivered += int(np.count_nonzero(here & (marks & DELIVERED > 0)))
            self._open.setdefault(number, []).append(latencies_us[timed & here])
        # The second before the last is kept: a clock set back by a moment may go on with it.
        for number in [n for n in self._open if n < int(seconds[-1]) - 1]:
            self._settle(number)
            del self._open[number]

    def seconds(self) -> list[Second]:
        """Return every second from the first with a row to the last, empty ones too.

        Latencies of the last are those so far.
        """
        for number in self._open:
            self._settle(number)
        if not self._seconds:
            return []
        return [self._second(n) for n in range(min(self._seconds), max(self._seconds) + 1)]

    def _count(self, kinds: npt.NDArray[np.uint8], marks: npt.NDArray[np.uint8]) -> None:
        of_kind = np.bincount(kinds, minlength=len(Kind)).tolist()
        self.received += len(kinds) - of_kind[Kind.ANSWERED]
        self.unique += of_kind[Kind.FIRST]
        self.retries += of_kind[Kind.RETRY]
        self.duplicates += of_kind[Kind.DUPLICATE]
        self.bad_signatures += of_kind[Kind.BAD_SIGNATURE]
        self.unnamed += of_kind[Kind.UNNAMED]
        self.delivered += int(np.count_nonzero(marks & DELIVERED))
        self.unverified += int(np.count_nonzero(marks & UNVERIFIED))

    def _second(self, number: int) -> Second:
        found = self._seconds.get(number)
        if found is None:
            at_s = (self._origin_us + number * 1_000_000) / 1e6
            found = self._seconds[number] = Second(at_s=at_s)
        return found

    def _settle(self, number: int) -> None:
        ordered = np.sort(np.concatenate(self._open[number])).tolist()
        if ordered:
            last = len(ordered) - 1
            second = self._second(number)
            second.p50_s, second.p95_s, second.p99_s = (
                ordered[min(last, int(len(ordered) * share))] / 1e6 for share in SHARES
            )
