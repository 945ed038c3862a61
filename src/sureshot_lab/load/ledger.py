"""What came of each arrival of one process: by the second it was meant for, but for leaving."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from typing import BinaryIO, NamedTuple

from sureshot_lab.load import wire

ID = re.compile(rb'"id"\s*:\s*"([^"]+)"')
IDS_AT_ONCE = 256
"""Written together: often enough that no write takes long, seldom enough to be cheap."""

SIGNIFICANT_BITS = 11
"""2,048 steps an octave, as a histogram of 3 significant digits has."""


MOMENT_S = 1e-6
"""An arrival on the edge of two seconds is in the later one, however it is rounded."""


class Tally:
    """The counts of one second. ``latencies``, ``service`` and ``lags``: rounded microseconds.

    ``sent`` is how many left in it, whenever they were meant to.
    """

    __slots__ = (
        "dropped", "errors", "failed", "in_flight", "intended", "lags", "latencies", "number",
        "refused", "sent", "service", "succeeded",
    )  # fmt: skip

    def __init__(self, number: int) -> None:
        self.number = number
        self.intended = self.sent = self.succeeded = self.failed = self.dropped = 0
        self.in_flight = 0
        self.latencies: defaultdict[int, int] = defaultdict(int)
        self.service: defaultdict[int, int] = defaultdict(int)
        self.refused: defaultdict[int, int] = defaultdict(int)
        self.lags: defaultdict[int, int] = defaultdict(int)
        self.errors: dict[str, wire.Failure] = {}

    @property
    def settled(self) -> bool:
        """Whether it is known of every arrival so far what came of it."""
        return self.succeeded + self.failed + self.dropped == self.intended


class Arrival(NamedTuple):
    """One request to be made: its number and the moment it is meant for."""

    number: int
    intended_s: float
    second: Tally


class Ledger:
    """Every second not yet told, and the ids, which go to *accepted*.

    ``start_s``: when the load began; ``last_s``: when last something came of an
    arrival; ``unwritten``: why ids were lost. *apart*: latency and service time
    are two things, as in an open model.
    """

    def __init__(self, accepted: BinaryIO, *, apart: bool) -> None:
        self.start_s = 0.0
        self.last_s = 0.0
        self.unwritten: OSError | None = None
        self._accepted = accepted
        self._ids: list[bytes] = []
        self._apart = apart
        self._seconds: dict[int, Tally] = {}
        self._over = 0

    def arrival(self, number: int, intended_s: float, now_s: float) -> Arrival:
        """Note that arrival *number* is meant for *intended_s*, as is seen at *now_s*.

        So late the generator is by itself: it had not got to asking for a connection.
        """
        second = self._second(intended_s)
        second.intended += 1
        if self._apart:
            second.lags[rounded(now_s - intended_s)] += 1
        return Arrival(number, intended_s, second)

    def sent(self, now_s: float) -> None:
        """Note that an arrival leaves now, be it in vain."""
        self._second(now_s).sent += 1

    def answered(
        self, arrival: Arrival, sent_s: float, now_s: float, status: int, body: bytes
    ) -> None:
        """Note an answer, good or not."""
        self.last_s = now_s
        second = arrival.second
        second.latencies[rounded(now_s - arrival.intended_s)] += 1
        if self._apart:
            second.service[rounded(now_s - sent_s)] += 1
        if status != 202:
            second.refused[rounded(now_s - sent_s)] += 1
            self.failed(arrival, f"status {status}")
            return
        second.succeeded += 1
        found = ID.search(body)
        if found is not None:
            self._ids.append(found[1])
            if len(self._ids) == IDS_AT_ONCE:
                self._write_ids()

    def failed(self, arrival: Arrival, what: str) -> None:
        """Note that it came to nothing, and why."""
        self.last_s = time.monotonic()
        second = arrival.second
        second.failed += 1
        seen = second.errors.get(what)
        at_s = max(0.0, arrival.intended_s - self.start_s)
        count, first_at_s = (seen.count, seen.first_at_s) if seen else (0, at_s)
        second.errors[what] = wire.Failure(count + 1, min(first_at_s, at_s))

    def tell_over(self, until_s: float, in_flight: int) -> list[wire.Second]:
        """Return the seconds that are over since the last call, and those settled since.

        Every arrival meant for a moment before *until_s* must have been noted.
        """
        over = max(self._over, int(until_s - self.start_s))
        for number in range(self._over, over):
            second = self._seconds.setdefault(number, Tally(number))
            second.in_flight = in_flight
        told = [
            self._told(second)
            for second in sorted(self._seconds.values(), key=lambda second: second.number)
            if second.number < over and (second.number >= self._over or second.settled)
        ]
        self._over = over
        for line in told:
            if line.final:
                del self._seconds[line.number]
        return told

    def tell_rest(self) -> list[wire.Second]:
        """Return every second that is left, and write the last ids; nothing more is noted."""
        self._write_ids()
        left = [self._told(second, final=True) for _number, second in sorted(self._seconds.items())]
        self._seconds.clear()
        return left

    def _second(self, moment_s: float) -> Tally:
        at = int(moment_s - self.start_s + MOMENT_S)
        second = self._seconds.get(at)
        if second is None:
            second = self._seconds[at] = Tally(at)
        return second

    def _told(self, second: Tally, *, final: bool | None = None) -> wire.Second:
        return wire.Second(
            number=second.number,
            final=second.settled if final is None else final,
            intended=second.intended,
            sent=second.sent,
            succeeded=second.succeeded,
            failed=second.failed,
            dropped=second.dropped,
            in_flight=second.in_flight,
            latencies=list(second.latencies.items()),
            service=list(second.service.items()) if self._apart else None,
            refused=list(second.refused.items()),
            lags=list(second.lags.items()),
            errors=second.errors,
        )

    def _write_ids(self) -> None:
        try:
            self._accepted.writelines([b"%b\n" % one for one in self._ids])
            self._accepted.flush()
        except OSError as error:
            # Raised in the middle of an answer it would only cost that connection.
            self.unwritten = error
        self._ids.clear()


def rounded(duration_s: float) -> int:
    """Return microseconds, at least 1, rounded down to the histogram's precision."""
    us = int(duration_s * 1e6)
    if us < 1 << SIGNIFICANT_BITS:
        return us if us > 0 else 1
    excess = us.bit_length() - SIGNIFICANT_BITS
    return us >> excess << excess
