"""The points of a k6 run as they come: its CSV, line by line, as seconds, histogram and errors."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from hdrh.histogram import HdrHistogram

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.load.offer import DIGITS, HIGHEST_US, LOWEST_US
from sureshot_lab.load.totals import percentiles_s
from sureshot_lab.result import ErrorCount, Interval

WANTED = (
    b"metric_name,",
    b"http_reqs,",
    b"http_req_duration,",
    b"http_req_blocked,",
    b"dropped_iterations,",
    b"scenario_started_ms,",
    b"accepted_ids,",
)
"""How the lines begin that matter: a quarter of all."""

ERRORS = {
    1050: "timeout",
    1101: "name not found",
    1201: "broken pipe",
    1211: "connect timeout",
    1212: "refused",
    1220: "reset",
}
"""k6's error codes for requests that were not answered."""


@dataclass
class _Second:
    sent: int = 0
    succeeded: int = 0
    failed: int = 0
    dropped: int = 0
    ended: int = 0
    answered_us: array[int] = field(default_factory=lambda: array("Q"))


@dataclass
class _Request:
    """The rows of a request: k6 writes http_reqs, _duration and _blocked in this order."""

    status: int = 0
    error: int = 0
    duration_us: int = 0


class Points:
    """What was measured; 8 bytes a request, and the id of each that was accepted.

    *meant* arrivals in each second were planned; None if as many as were sent.
    ``latencies_us`` holds every request that got an answer, good or not;
    ``refused_us`` those whose answer was not 202.
    ``ended_s``: when the last request did, from the start.
    """

    def __init__(self, meant: Sequence[int] | None) -> None:
        self.latencies_us = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        self.refused_us = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        self.accepted_ids: list[str] = []
        self.ended_s = 0.0
        self._meant = meant
        self._stopped_in: int | None = None
        self._started_s: float | None = None
        self._early: list[bytes] = []
        self._columns: dict[bytes, int] = {}
        self._request = _Request()
        self._seconds: dict[int, _Second] = defaultdict(_Second)
        self._errors: dict[str, ErrorCount] = {}
        self._in_flight = 0
        self._shown = 0

    @property
    def started_at_s(self) -> float:
        """When the load began; raises ``UnreadableResult`` if it never did."""
        if self._started_s is None:
            raise UnreadableResult("k6 sent no request: it stopped before the load began")
        return self._started_s

    def add(self, line: bytes) -> None:
        """Take a line of the CSV, one that begins as ``WANTED`` says."""
        row = line.rstrip(b"\n").split(b",")
        if not self._columns:
            self._columns = {name: number for number, name in enumerate(row)}
        elif row[0] == b"scenario_started_ms":
            self._started_s = float(row[self._columns[b"metric_value"]]) / 1000
            for early in self._early:
                self._add(early.split(b","), self._started_s)
            self._early.clear()
        elif self._started_s is None:
            # Another user was faster than the one who tells when it all began.
            self._early.append(line.rstrip(b"\n"))
        else:
            self._add(row, self._started_s)

    def over(self, now_s: float) -> list[Interval]:
        """Return the seconds that are over at *now_s* of the epoch and were not returned yet."""
        if self._started_s is None:
            return []
        return self._intervals_to(int(now_s - self._started_s))

    def end(self, *, stopped: bool) -> None:
        """Let what was measured be all; *stopped* before everything planned was sent."""
        if stopped:
            self._stopped_in = max(self._seconds, default=0)

    def rest(self) -> list[Interval]:
        """Return the seconds that were not returned yet."""
        end = max(self._seconds, default=-1) + 1
        if self._stopped_in is None:
            end = max(end, len(self._meant or ()))
        return self._intervals_to(end)

    def intervals(self) -> list[Interval]:
        """Return all seconds as they are known by now."""
        self._shown = self._in_flight = 0
        return self.rest()

    @property
    def errors(self) -> list[ErrorCount]:
        """Every kind of failure, the most frequent first."""
        return sorted(self._errors.values(), key=lambda error: (-error.count, error.what))

    def _add(self, row: list[bytes], started_s: float) -> None:
        name, columns = row[0], self._columns
        if name == b"http_reqs":
            status, error = row[columns[b"status"]], row[columns[b"error_code"]]
            self._request = _Request(int(status or 0), int(error or 0))
        elif name == b"http_req_duration":
            self._request.duration_us = round(float(row[columns[b"metric_value"]]) * 1000)
        elif name == b"http_req_blocked":
            # From before the connection was there: one that had to be opened is part of the wait.
            blocked_us = round(float(row[columns[b"metric_value"]]) * 1000)
            latency_us = max(1, self._request.duration_us + blocked_us)
            ended_s = int(row[columns[b"timestamp"]]) / 1000 - started_s
            self._take(self._request, ended_s, latency_us)
        elif name == b"accepted_ids":
            self.accepted_ids.append(row[columns[b"metadata"]].partition(b"=")[2].decode())
        elif name == b"dropped_iterations":
            at_s = int(row[columns[b"timestamp"]]) / 1000 - started_s
            self._seconds[_second(at_s)].dropped += 1

    def _take(self, request: _Request, ended_s: float, latency_us: int) -> None:
        sent_s = ended_s - latency_us / 1e6
        second = self._seconds[_second(sent_s)]
        second.sent += 1
        self._seconds[_second(ended_s)].ended += 1
        self.ended_s = max(self.ended_s, ended_s)
        if request.status:
            second.answered_us.append(latency_us)
            self.latencies_us.record_value(latency_us)
            if request.status != 202:
                self.refused_us.record_value(latency_us)
        if request.status == 202:
            second.succeeded += 1
        else:
            second.failed += 1
            self._fail(_named(request), max(0.0, sent_s))

    def _fail(self, what: str, at_s: float) -> None:
        seen = self._errors.get(what)
        count, first_at_s = (seen.count, seen.first_at_s) if seen else (0, at_s)
        self._errors[what] = ErrorCount(
            what=what, count=count + 1, first_at_s=min(first_at_s, at_s)
        )

    def _intervals_to(self, end: int) -> list[Interval]:
        intervals = [self._interval(number) for number in range(self._shown, end)]
        self._shown = max(self._shown, end)
        return intervals

    def _interval(self, number: int) -> Interval:
        second = self._seconds.get(number, _Second())
        self._in_flight += second.sent - second.ended
        p50_s, p95_s, p99_s = percentiles_s(Counter(second.answered_us))
        return Interval(
            at_s=float(number),
            intended=self._intended(number, second),
            sent=second.sent,
            succeeded=second.succeeded,
            failed=second.failed,
            dropped=second.dropped,
            in_flight=self._in_flight,
            p50_s=p50_s,
            p95_s=p95_s,
            p99_s=p99_s,
        )

    def _intended(self, number: int, second: _Second) -> int:
        if self._meant is None or number == self._stopped_in:
            return second.sent + second.dropped
        return self._meant[number] if number < len(self._meant) else 0


def _second(at_s: float) -> int:
    """Return the second *at_s* is in; what left a moment early is in the first."""
    return max(0, int(at_s))


def _named(request: _Request) -> str:
    if request.status:
        return f"status {request.status}"
    return ERRORS.get(request.error, f"k6 error {request.error}")
