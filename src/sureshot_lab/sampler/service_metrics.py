"""What the service tells of itself at ``/metrics``, over all its processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sureshot_lab.sampler.buckets import Buckets, by_label, by_labels, merged
from sureshot_lab.sampler.exposition import Series
from sureshot_lab.sampler.scrape import Scrape, Scraped
from sureshot_lab.sampler.source import Source

Urls = Sequence[str] | Callable[[], Sequence[str]]
"""One url for each process of the service, or what tells them at each read."""

DEPLOYMENT_WIDE = {
    "queue_depth": "sureshot_queue_depth",
    "backlog": "sureshot_backlog",
    "oldest_due_s": "sureshot_oldest_due_seconds",
    "breaker_open": "sureshot_breaker_open",
    "lanes_held_back": "sureshot_lanes_held_back",
    "rss_max_bytes": "process_resident_memory_bytes",
}
"""The highest of all processes: each tells the same thing of the whole, or only one matters."""

OF_A_PROCESS = {
    "in_flight": "sureshot_in_flight",
    "database_connections": "sureshot_database_connections",
    "broker_connections": "sureshot_broker_connections",
    "fds": "process_open_fds",
    "rss_bytes": "process_resident_memory_bytes",
}
"""The sum of all processes."""

COUNTERS = {
    "accepted": "sureshot_webhooks_accepted_total",
    "attempts": "sureshot_attempts_total",
    "finished": "sureshot_webhooks_finished_total",
    "rejected": "sureshot_rejected_total",
    "requests": "http_requests_total",
}
"""Rates a second, summed over labels and processes."""

LATENCIES = {
    "queue_latency": "sureshot_queue_latency_seconds",
    "delivery_duration": "sureshot_delivery_duration_seconds",
    "first_attempt_end_to_end": "sureshot_end_to_end_seconds",
    "request_duration": "http_request_duration_seconds",
    "event_loop_lag": "sureshot_event_loop_lag_seconds",
}
BATCHES = "sureshot_batch_size"
CPU = "process_cpu_seconds_total"
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True)
class RouteLatency:
    """Requests to one route of the service, received to answered.

    ``method`` is empty where the service does not tell it, as an older one does not.
    """

    route: str
    method: str
    count: int
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float


class ServiceMetrics(Source):
    """Reads every process at once; what one that is down would tell is missing from the sums.

    Names begin with ``metrics.``: gauges of ``DEPLOYMENT_WIDE`` and ``OF_A_PROCESS``,
    ``<counter>_per_s``, ``delivered_per_s``, ``attempts_failed_per_s``, ``rejected`` and
    ``cpu_s`` (since the first read), ``<latency>_{p50,p95,p99}_s`` of what was observed since the
    last read, ``batch_rows.<stage>`` (mean), ``cpu_cores``, ``processes`` that answered.
    """

    name = "metrics"

    def __init__(self, urls: Urls) -> None:
        self._urls = urls
        self._scrapes: dict[str, Scrape] = {}
        self._counted: dict[Series, float] = {}

    async def read(self) -> dict[str, float]:
        """Return the values now. Raises ``SourceUnreadable`` when no process answers."""
        await self._follow(self._urls() if callable(self._urls) else self._urls)
        reading = [scrape.read() for scrape in self._scrapes.values()]
        answers = await asyncio.gather(*reading, return_exceptions=True)
        scraped = [answer for answer in answers if isinstance(answer, Scraped)]
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        if errors and not scraped:
            raise errors[0]
        risen = _summed([one.risen for one in scraped])
        self._counted = _summed([self._counted, risen])
        values = {
            "processes": float(len(scraped)),
            **_gauges(scraped),
            **_rates(scraped),
            **_distributions(risen),
        }
        if any(one.elapsed_s for one in scraped):
            values["rejected"] = _total(self._counted, COUNTERS["rejected"])
            values["cpu_s"] = _total(self._counted, CPU)
        return {f"{self.name}.{name}": value for name, value in values.items()}

    async def close(self) -> None:
        """Disconnect from every process."""
        for scrape in self._scrapes.values():
            await scrape.close()

    async def _follow(self, urls: Sequence[str]) -> None:
        """Scrape these processes from now on, and leave those that are gone."""
        for gone in self._scrapes.keys() - set(urls):
            await self._scrapes.pop(gone).close()
        for url in urls:
            if url not in self._scrapes:
                self._scrapes[url] = Scrape(url)

    def counted(self) -> Mapping[Series, float]:
        """Return by how much every counter rose between the first read and the last.

        Take it at the begin of a phase and hand it to ``summary`` as *since*.
        """
        return self._counted

    def summary(self, since: Mapping[Series, float] | None = None) -> dict[str, float]:
        """Return ``<latency>_{p50,p95,p99}_s`` and ``batch_rows.<stage>`` of all reads.

        With *since*, only of what came after ``counted`` had returned it. A latency
        nobody observed has no value.
        """
        return _distributions(self._after(since))

    def routes(self, since: Mapping[Series, float] | None = None) -> list[RouteLatency]:
        """Return the latency of every method of a route that was used, the most used first."""
        labels = ("endpoint", "method")
        found = by_labels(LATENCIES["request_duration"], labels, self._after(since))
        rows = [
            _route(route, method, buckets)
            for (route, method), buckets in found.items()
            if buckets.count
        ]
        return sorted(rows, key=lambda row: (-row.count, row.route, row.method))

    def histogram(self, family: str, since: Mapping[Series, float] | None = None) -> Buckets | None:
        """Return one histogram by its name at ``/metrics``, over all labels."""
        return merged(family, self._after(since))

    def _after(self, since: Mapping[Series, float] | None) -> dict[Series, float]:
        before = since or {}
        return {name: value - before.get(name, 0.0) for name, value in self._counted.items()}


def _summed(parts: Sequence[Mapping[Series, float]]) -> dict[Series, float]:
    total: dict[Series, float] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0.0) + value
    return total


def _gauges(scraped: Sequence[Scraped]) -> dict[str, float]:
    values = {}
    for names, over in ((DEPLOYMENT_WIDE, max), (OF_A_PROCESS, sum)):
        for ours, theirs in names.items():
            told = [one.gauges[Series(theirs)] for one in scraped if Series(theirs) in one.gauges]
            if told:
                values[ours] = float(over(told))
    return values


def _rates(scraped: Sequence[Scraped]) -> dict[str, float]:
    """Return each counter's rate; processes are read a moment apart, so each by its own time."""
    known = [(one.risen, one.elapsed_s) for one in scraped if one.elapsed_s]
    if not known:
        return {}
    cores = [_total(risen, CPU) / elapsed_s for risen, elapsed_s in known]
    per_s = {
        name: sum(_total(risen, family) / elapsed_s for risen, elapsed_s in known)
        for name, family in COUNTERS.items()
    }
    chosen = {
        "delivered": sum(_delivered(risen) / elapsed_s for risen, elapsed_s in known),
        "attempts_failed": sum(_failed(risen) / elapsed_s for risen, elapsed_s in known),
    }
    return {
        "cpu_cores": sum(cores),
        "cpu_cores_max": max(cores),
        **{f"{name}_per_s": value for name, value in (per_s | chosen).items()},
    }


def _total(values: Mapping[Series, float], family: str) -> float:
    return sum(value for series, value in values.items() if series.name == family)


def _delivered(values: Mapping[Series, float]) -> float:
    return values.get(Series(COUNTERS["finished"], (("status", "delivered"),)), 0.0)


def _failed(values: Mapping[Series, float]) -> float:
    good = values.get(Series(COUNTERS["attempts"], (("outcome", "2xx"),)), 0.0)
    return _total(values, COUNTERS["attempts"]) - good


def _distributions(values: Mapping[Series, float]) -> dict[str, float]:
    told = {}
    for name, family in LATENCIES.items():
        buckets = merged(family, values)
        for mark, share in SHARES.items():
            value = None if buckets is None else buckets.quantile(share)
            if value is not None:
                told[f"{name}_{mark}_s"] = value
    for stage, batches in by_label(BATCHES, "stage", values).items():
        if batches.mean is not None:
            told[f"batch_rows.{stage}"] = batches.mean
    return told


def _route(route: str, method: str, buckets: Buckets) -> RouteLatency:
    p50_s, p95_s, p99_s = (buckets.quantile(share) or 0.0 for share in SHARES.values())
    count, mean_s = round(buckets.count), buckets.mean or 0.0
    return RouteLatency(route, method, count, mean_s, p50_s, p95_s, p99_s)
