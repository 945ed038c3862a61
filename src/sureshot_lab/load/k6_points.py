"""The points of a k6 run as a histogram, seconds and errors: what ``scenario.js`` left in a CSV."""

from __future__ import annotations

import csv
import gzip
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hdrh.histogram import HdrHistogram

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.result import ErrorCount, Interval

Stage = tuple[float, float, float]
"""Seconds, arrivals a second at its start, and at its end; straight between."""

LOWEST_US, HIGHEST_US, DIGITS = 1, 3_600_000_000, 3
ERRORS = {
    1050: "timeout",
    1101: "name not found",
    1201: "broken pipe",
    1211: "connect timeout",
    1212: "refused",
    1220: "reset",
}
"""k6's error codes for requests that were not answered."""


class Request(NamedTuple):
    """One request: when it left (seconds since the epoch), how long it took, its status or 0."""

    sent_at_s: float
    latency_us: int
    status: int
    error: int


@dataclass
class Points:
    """What was measured from ``started_at_s`` on, seconds since the epoch.

    ``latencies_us`` holds every request that got an answer, good or not.
    """

    started_at_s: float
    latencies_us: HdrHistogram
    intervals: list[Interval]
    errors: list[ErrorCount]
    requests: int
    succeeded: int
    dropped: int


@dataclass
class _Second:
    sent: int = 0
    succeeded: int = 0
    failed: int = 0
    dropped: int = 0
    ended: int = 0
    answered_us: array[int] = field(default_factory=lambda: array("Q"))


def read_points(path: Path, stages: Sequence[Stage]) -> Points:
    """Read the CSV k6 wrote for ``scenario.js``, memory bounded by 8 bytes a request.

    Raises:
        UnreadableResult: the file is missing, cut off, or no request is in it.

    """
    rows = _rows(path)
    started_s, found = _started(rows, path)
    seconds: dict[int, _Second] = defaultdict(_Second)
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    errors: Counter[str] = Counter()
    first_seen: dict[str, float] = {}
    for request in found:
        if isinstance(request, float):
            seconds[_second(request - started_s)].dropped += 1
            continue
        at_s = request.sent_at_s - started_s
        second = seconds[_second(at_s)]
        second.sent += 1
        seconds[_second(at_s + request.latency_us / 1e6)].ended += 1
        if request.status:
            second.answered_us.append(request.latency_us)
            histogram.record_value(request.latency_us)
        if request.status == 202:
            second.succeeded += 1
            continue
        second.failed += 1
        what = _named(request)
        errors[what] += 1
        first_seen[what] = min(first_seen.get(what, at_s), at_s)
    return Points(
        started_at_s=started_s,
        latencies_us=histogram,
        intervals=_intervals(seconds, stages),
        errors=[ErrorCount(what=w, count=n, first_at_s=first_seen[w]) for w, n in errors.items()],
        requests=sum(second.sent for second in seconds.values()),
        succeeded=sum(second.succeeded for second in seconds.values()),
        dropped=sum(second.dropped for second in seconds.values()),
    )


def intended(stages: Iterable[Stage]) -> list[int]:
    """Return the arrivals meant for each second of *stages*; their sum is the whole load's."""
    counts: list[int] = []
    cumulative, told, now_s = 0.0, 0, 0.0
    for duration_s, start, end in stages:
        stage_start_s, before = now_s, cumulative
        while now_s < stage_start_s + duration_s:
            now_s = min(float(int(now_s) + 1), stage_start_s + duration_s)
            within_s = now_s - stage_start_s
            rate = start + (end - start) * within_s / duration_s
            cumulative = before + (start + rate) / 2 * within_s
            second = _second(now_s - 1e-9)
            counts.extend([0] * (second + 1 - len(counts)))
            # A rounding error below one millionth of an arrival is none that is missing.
            counts[second] += int(cumulative + 1e-6) - told
            told = int(cumulative + 1e-6)
    return counts


def _intervals(seconds: dict[int, _Second], stages: Sequence[Stage]) -> list[Interval]:
    meant = intended(stages)
    intervals = []
    in_flight = 0
    for number in range(max(len(meant), max(seconds, default=-1) + 1)):
        second = seconds.get(number, _Second())
        in_flight += second.sent - second.ended
        p50_s, p95_s, p99_s = _percentiles(second.answered_us)
        intervals.append(
            Interval(
                at_s=float(number),
                intended=meant[number] if number < len(meant) else 0,
                sent=second.sent,
                succeeded=second.succeeded,
                failed=second.failed,
                dropped=second.dropped,
                in_flight=in_flight,
                p50_s=p50_s,
                p95_s=p95_s,
                p99_s=p99_s,
            )
        )
    return intervals


def _percentiles(answered_us: array[int]) -> tuple[float | None, float | None, float | None]:
    if not answered_us:
        return None, None, None
    ordered = sorted(answered_us)
    last = len(ordered) - 1
    p50, p95, p99 = (ordered[min(last, int(len(ordered) * share))] for share in (0.5, 0.95, 0.99))
    return p50 / 1e6, p95 / 1e6, p99 / 1e6


def _second(at_s: float) -> int:
    """Return the second *at_s* is in; what left a moment early is in the first."""
    return max(0, int(at_s))


def _named(request: Request) -> str:
    if request.status:
        return f"status {request.status}"
    return ERRORS.get(request.error, f"k6 error {request.error}")


def _started(rows: Iterator[dict[str, str]], path: Path) -> tuple[float, Iterator[Request | float]]:
    """Return when the load began, and its requests; a bare float is a drop at that time."""
    found = _requests(rows)
    early: list[Request | float] = []
    for item in found:
        if isinstance(item, str):
            return float(item) / 1000, (x for x in _chained(early, found) if not isinstance(x, str))
        early.append(item)
    raise UnreadableResult(f"{path} holds no request: k6 stopped before the load began")


def _chained(
    early: Iterable[Request | float], rest: Iterator[Request | float | str]
) -> Iterator[Request | float | str]:
    yield from early
    yield from rest


def _requests(rows: Iterator[dict[str, str]]) -> Iterator[Request | float | str]:
    """Join the rows of each request: k6 writes http_reqs, _duration and _blocked in this order."""
    status = error = duration_us = 0
    for row in rows:
        name = row["metric_name"]
        if name == "http_reqs":
            status, error = int(row["status"] or 0), int(row["error_code"] or 0)
        elif name == "http_req_duration":
            duration_us = round(float(row["metric_value"]) * 1000)
        elif name == "http_req_blocked":
            # From before the connection was there: one that had to be opened is part of the wait.
            latency_us = max(1, duration_us + round(float(row["metric_value"]) * 1000))
            ended_s = int(row["timestamp"]) / 1000
            yield Request(ended_s - latency_us / 1e6, latency_us, status, error)
        elif name == "dropped_iterations":
            yield int(row["timestamp"]) / 1000
        elif name == "scenario_started_ms":
            yield row["metric_value"]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with gzip.open(path, "rt", newline="") as file:
            yield from csv.DictReader(file)
    except FileNotFoundError:
        raise UnreadableResult(f"{path} does not exist: k6 stopped before it began") from None
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableResult(f"{path} is cut off: k6 was killed in its run ({error})") from None
