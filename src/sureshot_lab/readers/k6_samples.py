"""The two streams of k6, one figure a line: ``--out json`` and ``--out csv``, however long."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from hdrh.histogram import HdrHistogram

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.readers.opening import lines_of
from sureshot_lab.readers.reading import SUBMIT, Kind, Latencies, Reading, Submissions, label_of

COLUMNS = {"metric_name", "timestamp", "metric_value"}
AROUND = ("::setup", "::teardown")
"""Groups of what is not in k6's own duration of a run."""


OBSERVED = {
    "service_cpu_share": "service_cpu_share",
    "queue_depth": "queue_depth_max",
    "service_rss_bytes": "service_rss_max_bytes",
    "database_connections": "database_connections_max",
}
"""Our scripts' samples of the service, and the names of a run's metrics."""


class Sample(NamedTuple):
    """One figure; ``name`` is the request's tag, empty without one."""

    metric: str
    at_s: float
    value: float
    name: str
    group: str


class _Data(msgspec.Struct):
    time: datetime | None = None
    value: float | None = None
    tags: dict[str, str] | None = None


class _Line(msgspec.Struct):
    type: str
    metric: str
    data: _Data


class _Trend:
    """Milliseconds in a histogram, so that any number of them takes the same memory."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, 3_600_000_000, 3)
        self._sum_s = 0.0
        self._max_s = 0.0

    def add(self, value_ms: float) -> None:
        self._histogram.record_value(max(1, round(value_ms * 1000)))
        self._sum_s += value_ms / 1000
        self._max_s = max(self._max_s, value_ms / 1000)

    def latencies(self) -> Latencies:
        count = self._histogram.get_total_count()
        if not count:
            return Latencies()
        p50, p90, p95, p99 = (
            min(self._between(share * (count - 1)), self._max_s) for share in (0.5, 0.9, 0.95, 0.99)
        )
        return Latencies(self._sum_s / count, p50, p90, p95, p99, self._max_s)

    def _between(self, rank: float) -> float:
        """Return the seconds at *rank* from 0, between two samples as k6's summary has it."""
        below = int(rank)
        low_s = self._ranked(below)
        return low_s + (rank - below) * (self._ranked(below + 1) - low_s)

    def _ranked(self, rank: int) -> float:
        count = self._histogram.get_total_count()
        share = min(rank + 1, count) / count
        return float(self._histogram.get_value_at_percentile(100 * share)) / 1e6


@dataclass
class _Rate:
    trues: int = 0
    count: int = 0

    def add(self, value: float) -> None:
        self.trues += value != 0
        self.count += 1


@dataclass
class _Extent:
    """Sum, number and greatest of values that are not times."""

    total: float = 0.0
    count: int = 0
    most: float = 0.0

    def add(self, value: float) -> None:
        self.total += value
        self.count += 1
        self.most = max(self.most, value)


class _Figures:
    """What is kept of the samples; its size does not grow with their number."""

    def __init__(self) -> None:
        self.requests = _Extent()
        self.submissions = _Extent()
        self.dropped = _Extent()
        self.named = False
        self.first_s = float("inf")
        self.last_s = float("-inf")
        self.failed, self.failed_submissions = _Rate(), _Rate()
        self.checks, self.delivered = _Rate(), _Rate()
        self.latency, self.submission_latency, self.end_to_end = _Trend(), _Trend(), _Trend()
        self.observed = {name: _Extent() for name in OBSERVED}
        self._of_all: dict[str, _Extent | _Rate | _Trend] = {
            "http_reqs": self.requests,
            "http_req_duration": self.latency,
            "http_req_failed": self.failed,
            "checks": self.checks,
            "delivery_success": self.delivered,
            "end_to_end": self.end_to_end,
            "dropped_iterations": self.dropped,
            **self.observed,
        }
        self._of_submissions: dict[str, _Extent | _Rate | _Trend] = {
            "http_reqs": self.submissions,
            "http_req_duration": self.submission_latency,
            "http_req_failed": self.failed_submissions,
        }

    def add(self, sample: Sample) -> None:
        if sample.metric in self._of_all:
            self._of_all[sample.metric].add(sample.value)
        if sample.name == SUBMIT and sample.metric in self._of_submissions:
            self._of_submissions[sample.metric].add(sample.value)
        if sample.metric == "http_reqs" and sample.group not in AROUND:
            # Without a name of the script's, k6 puts the URL there.
            self.named = self.named or bool(sample.name and "://" not in sample.name)
            self.first_s = min(self.first_s, sample.at_s)
            self.last_s = max(self.last_s, sample.at_s)


def read_ndjson(path: Path) -> Reading:
    """Read what ``--out json`` wrote; raises ``UnreadableResult``."""
    return _reading(path, Kind.NDJSON, _json_samples(path))


def read_csv(path: Path) -> Reading:
    """Read what ``--out csv`` wrote, times in seconds or finer; raises ``UnreadableResult``.

    k6's default is whole seconds, so the duration may be off by one.
    """
    return _reading(path, Kind.CSV, _csv_samples(path))


def _json_samples(path: Path) -> Iterator[Sample]:
    decode = msgspec.json.Decoder(_Line).decode
    for number, line in enumerate(lines_of(path), 1):
        try:
            found = decode(line)
        except msgspec.DecodeError as error:
            if not line.endswith("\n"):
                raise _cut_off(path, number) from None
            raise UnreadableResult(f"{path}, line {number}, is not k6's: {error}") from None
        data = found.data
        if found.type == "Point" and data.time is not None and data.value is not None:
            tags = data.tags or {}
            yield Sample(
                found.metric,
                data.time.timestamp(),
                data.value,
                tags.get("name", ""),
                tags.get("group", ""),
            )


def _csv_samples(path: Path) -> Iterator[Sample]:
    rows = csv.DictReader(_whole(path))
    missing = COLUMNS - set(rows.fieldnames or ())
    if missing:
        raise UnreadableResult(f"{path} has no column {', '.join(sorted(missing))}: not of k6")
    for row in rows:
        try:
            yield Sample(
                row["metric_name"],
                _time(row["timestamp"]),
                float(row["metric_value"]),
                row.get("name") or "",
                row.get("group") or "",
            )
        except (ValueError, TypeError):
            raise UnreadableResult(f"{path}, line {rows.line_num}, is not k6's") from None


def _whole(path: Path) -> Iterator[str]:
    for number, line in enumerate(lines_of(path), 1):
        if not line.endswith("\n"):
            raise _cut_off(path, number)
        yield line


def _cut_off(path: Path, line: int) -> UnreadableResult:
    return UnreadableResult(f"{path} is cut off in line {line}: k6 runs still, or was killed")


def _time(text: str) -> float:
    """Return seconds; ``K6_CSV_TIME_FORMAT`` may have asked for finer units or for a date."""
    try:
        value = float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()
    for unit in (1e9, 1e6, 1e3):
        # Told in a finer unit, even 2001 is later than seconds count to before the year 30000.
        if value > 9e8 * unit:
            return value / unit
    return value


def _reading(path: Path, kind: Kind, samples: Iterable[Sample]) -> Reading:
    figures = _Figures()
    for sample in samples:
        figures.add(sample)
    requests, dropped = int(figures.requests.total), int(figures.dropped.total)
    if not requests:
        raise UnreadableResult(f"{path} holds no requests: the script stopped before it sent one")
    # One request, or all within one second of a CSV: nothing can be said of a rate.
    duration_s = max(0.0, figures.last_s - figures.first_s) or None
    submissions = _submissions(figures)
    found = _observed(figures)
    if submissions:
        found |= submissions.metrics(duration_s, dropped)
    checks = figures.checks
    return Reading(
        source=path,
        kind=kind,
        label=label_of(path),
        requests=requests,
        failed_requests=figures.failed.trues if figures.failed.count else None,
        duration_s=duration_s,
        rate_per_s=requests / duration_s if duration_s else None,
        latency=figures.latency.latencies(),
        dropped=dropped,
        checks=(checks.trues, checks.count - checks.trues) if checks.count else None,
        metrics=found,
        notes=submissions.notes() if submissions else (),
    )


def _submissions(figures: _Figures) -> Submissions | None:
    """Return the submissions: by their name, or all requests of a script that names none."""
    count, failed = figures.submissions, figures.failed_submissions
    latency = figures.submission_latency
    if not count.count:
        if figures.named:
            return None
        count, failed, latency = figures.requests, figures.failed, figures.latency
    delivered = figures.delivered
    return Submissions(
        int(count.total),
        failed.trues if failed.count else None,
        latency.latencies(),
        delivered.trues / delivered.count if delivered.count else None,
        figures.end_to_end.latencies(),
    )


def _observed(figures: _Figures) -> dict[str, float]:
    """Return CPU as its mean, every other resource as its most."""
    return {
        OBSERVED[name]: seen.total / seen.count if name == "service_cpu_share" else seen.most
        for name, seen in figures.observed.items()
        if seen.count
    }
