"""Every metric of the service: plain counters on the hot path, named for Prometheus when scraped.

Calling prometheus-client for each webhook costs about 9 us (labels, locks); a
plain attribute costs a tenth of one. So the line counts in plain Python and one
collector translates at scrape time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from sureshot.domain.errors import REFUSALS
from sureshot.domain.model import FINAL, ErrorKind
from sureshot.telemetry.histogram import BATCH_EDGES, Histogram

Gauge = Callable[[], float]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "other"
"""What every further method is counted as: clients must not make series as they please."""

OUTCOMES = ("2xx", "3xx", "4xx", "5xx", *map(str, ErrorKind))
"""Each from the start, or Prometheus would not see the first failures as an increase."""


class Call:
    """What is counted of one method of one route; the hot path looks its own up once."""

    __slots__ = ("durations", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.durations = Histogram()

    def answered(self, status: int, duration_s: float) -> None:
        """Count one answered request."""
        self.statuses[status] += 1
        self.durations.observe(duration_s)

    def expect(self, *statuses: int) -> None:
        """Tell of *statuses* before there is any: or the first ones would be no increase."""
        for status in statuses:
            self.statuses[status] += 0


class Metrics:
    """What the service counts about itself; one instance per process."""

    def __init__(self) -> None:
        self.accepted = 0
        self.attempts: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self.finished: Counter[str] = Counter()
        self.rejections: Counter[str] = Counter(dict.fromkeys(REFUSALS, 0))
        self.duplicates_refused = 0
        self.poisoned: Gauge = _none
        self.queue_latency = Histogram()
        self.delivery_duration = Histogram()
        self.end_to_end = Histogram()
        self.loop_lag = Histogram()
        self.batch_sizes: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(BATCH_EDGES))
        self.calls: defaultdict[tuple[str, str], Call] = defaultdict(Call)
        self._gauges: dict[str, tuple[str, Gauge]] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_ServiceCollector(self))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def call(self, endpoint: str, method: str) -> Call:
        """Return what is counted of *method* at *endpoint*, which is the route's template."""
        return self.calls[endpoint, method if method in METHODS else OTHER_METHOD]

    def rejected(self, reason: str) -> None:
        """Count one submission refused because of a limit."""
        self.rejections[reason] += 1

    def batch(self, stage: str, size: int) -> None:
        """Note the size of one committed batch."""
        self.batch_sizes[stage].observe(size)

    def gauge(self, name: str, meaning: str, read: Gauge) -> None:
        """Expose what *read* returns at scrape time as the gauge *name*."""
        self._gauges[name] = (meaning, read)

    def gauges(self) -> Iterable[tuple[str, str, float]]:
        """Return ``(name, meaning, value)`` of every gauge now."""
        return [(name, meaning, read()) for name, (meaning, read) in self._gauges.items()]

    def render(self) -> tuple[bytes, str]:
        """Return the exposition text and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4


class _ServiceCollector(Collector):
    """Names the plain counters for Prometheus."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        yield from self._counters()
        yield from self._histograms()
        for name, meaning, value in self._metrics.gauges():
            yield GaugeMetricFamily(name, meaning, value=value)

    def _counters(self) -> Iterable[Metric]:
        metrics = self._metrics
        accepted = CounterMetricFamily("sureshot_webhooks_accepted", "Webhooks stored durably")
        accepted.add_metric([], metrics.accepted)
        yield accepted
        poisoned = CounterMetricFamily(
            "sureshot_poisoned_messages", "Broker messages that could not be read"
        )
        poisoned.add_metric([], metrics.poisoned())
        yield poisoned
        yield _labelled(
            "sureshot_attempts", "Attempts by outcome: 2xx, 4xx, or error kind", "outcome",
            metrics.attempts,
        )  # fmt: skip
        # Each from the start, as OUTCOMES.
        finished = {str(state): metrics.finished[state] for state in sorted(FINAL)}
        yield _labelled(
            "sureshot_webhooks_finished", "Webhooks that became final", "status", finished
        )
        yield _labelled(
            "sureshot_rejected", "Submissions refused at a limit", "reason", metrics.rejections
        )
        yield _requests(metrics.calls)

    def _histograms(self) -> Iterable[Metric]:
        metrics = self._metrics
        plain = (
            ("sureshot_queue_latency_seconds", "Published to taken", metrics.queue_latency),
            ("sureshot_delivery_duration_seconds", "One request", metrics.delivery_duration),
            (
                "sureshot_end_to_end_seconds",
                "Accepted to delivered on the first attempt",
                metrics.end_to_end,
            ),
            (
                "sureshot_event_loop_lag_seconds",
                "How late the event loop runs what is due",
                metrics.loop_lag,
            ),
        )
        for name, meaning, histogram in plain:
            family = HistogramMetricFamily(name, meaning)
            family.add_metric([], histogram.cumulative(), histogram.total)
            yield family
        batches = HistogramMetricFamily(
            "sureshot_batch_size", "Committed batches", labels=["stage"]
        )
        for stage, sizes in metrics.batch_sizes.items():
            batches.add_metric([stage], sizes.cumulative(), sizes.total)
        yield batches
        yield _request_durations(metrics.calls)


def _labelled(name: str, meaning: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _requests(calls: Mapping[tuple[str, str], Call]) -> Metric:
    family = CounterMetricFamily(
        "http_requests", "Answered requests", labels=["endpoint", "method", "status"]
    )
    for (endpoint, method), call in calls.items():
        for status, count in call.statuses.items():
            family.add_metric([endpoint, method, str(status)], count)
    return family


def _request_durations(calls: Mapping[tuple[str, str], Call]) -> Metric:
    family = HistogramMetricFamily(
        "http_request_duration_seconds",
        "Request received to answered",
        labels=["endpoint", "method"],
    )
    for (endpoint, method), call in calls.items():
        durations = call.durations
        family.add_metric([endpoint, method], durations.cumulative(), durations.total)
    return family


def _none() -> float:
    return 0.0
