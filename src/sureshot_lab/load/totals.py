"""The seconds of several generator processes as one load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from hdrh.histogram import HdrHistogram

from sureshot_lab.load.offer import DIGITS, HIGHEST_US, LOWEST_US
from sureshot_lab.load.wire import Failure, Second
from sureshot_lab.result import ErrorCount, Interval

SHARES = (0.5, 0.95, 0.99)


class Totals:
    """What *generators* processes have told; memory is bounded by the seconds still open."""

    def __init__(self, generators: int) -> None:
        self.latencies_us = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        self.service_us = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        self.refused_us = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        self.lags_us = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        self._generators = generators
        self._open: dict[int, dict[int, Second]] = {}
        self._settled: dict[int, Interval] = {}
        self._failures: dict[str, Failure] = {}
        self._shown = 0

    def add(self, generator: int, second: Second) -> None:
        """Take what a process tells of a second, instead of what it told of it before."""
        parts = self._open.setdefault(second.number, {})
        parts[generator] = second
        if len(parts) == self._generators and all(part.final for part in parts.values()):
            self._settle(second.number)

    def over(self) -> Iterator[Interval]:
        """Yield each second all processes have told something of, in order, once."""
        while True:
            parts = self._open.get(self._shown, {})
            if len(parts) == self._generators:
                interval = merged(self._shown, parts.values())
            elif self._shown in self._settled:
                interval = self._settled[self._shown]
            else:
                return
            self._shown += 1
            yield interval

    def rest(self) -> Iterator[Interval]:
        """Settle what is still open with what is known of it; yield what ``over`` did not."""
        for number in sorted(self._open):
            self._settle(number)
        for number in sorted(self._settled):
            if number >= self._shown:
                yield self._settled[number]
        self._shown = max(self._settled, default=-1) + 1

    @property
    def intervals(self) -> list[Interval]:
        """Every second that is settled, in order."""
        return [self._settled[number] for number in sorted(self._settled)]

    @property
    def errors(self) -> list[ErrorCount]:
        """Every kind of failure, the most frequent first."""
        found = [
            ErrorCount(what=what, count=seen.count, first_at_s=seen.first_at_s)
            for what, seen in self._failures.items()
        ]
        return sorted(found, key=lambda error: (-error.count, error.what))

    def _settle(self, number: int) -> None:
        parts = self._open.pop(number).values()
        self._settled[number] = merged(number, parts)
        for part in parts:
            for us, count in part.latencies:
                self.latencies_us.record_value(us, count)
            for us, count in part.latencies if part.service is None else part.service:
                self.service_us.record_value(us, count)
            for us, count in part.refused:
                self.refused_us.record_value(us, count)
            for us, count in part.lags:
                self.lags_us.record_value(us, count)
            for what, seen in part.errors.items():
                self._fail(what, seen)

    def _fail(self, what: str, seen: Failure) -> None:
        before = self._failures.get(what, Failure(0, seen.first_at_s))
        first_at_s = min(before.first_at_s, seen.first_at_s)
        self._failures[what] = Failure(before.count + seen.count, first_at_s)


def merged(number: int, parts: Iterable[Second]) -> Interval:
    """Return one second as the sum of its *parts*, its percentiles those of all of them."""
    parts = list(parts)
    counts: Counter[int] = Counter()
    for part in parts:
        for us, count in part.latencies:
            counts[us] += count
    p50_s, p95_s, p99_s = percentiles_s(counts)
    return Interval(
        at_s=float(number),
        intended=sum(part.intended for part in parts),
        sent=sum(part.sent for part in parts),
        succeeded=sum(part.succeeded for part in parts),
        failed=sum(part.failed for part in parts),
        dropped=sum(part.dropped for part in parts),
        in_flight=sum(part.in_flight for part in parts),
        p50_s=p50_s,
        p95_s=p95_s,
        p99_s=p99_s,
    )


def percentiles_s(counts: Counter[int]) -> tuple[float | None, float | None, float | None]:
    """Return p50, p95 and p99 in seconds of microseconds and their counts; None without any."""
    total = counts.total()
    if not total:
        return None, None, None
    ranks = [min(total - 1, int(total * share)) for share in SHARES]
    found: list[float] = []
    seen = 0
    for us, count in sorted(counts.items()):
        seen += count
        while len(found) < len(ranks) and seen > ranks[len(found)]:
            found.append(us / 1e6)
    p50_s, p95_s, p99_s = found
    return p50_s, p95_s, p99_s
