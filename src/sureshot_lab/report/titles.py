"""What the names of metrics and samples are called in a report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sureshot_lab.report.figures import UNIT, figure, unit_of

PERCENTILE = re.compile(r"_(p\d+)(?=_|$)")
TIMES = frozenset({"s", "min", "h", "hour", "day"})

CPU_PER_WEBHOOK = ("service_cpu_us_per_webhook", "service_cpu_per_webhook_s")

KEY_FIGURES = (
    ("Capacity", ("capacity_per_s",)),
    ("Delivered", ("throughput_per_min",)),
    ("Submission p99", ("submission_p99_s",)),
    ("End to end p95", ("end_to_end_p95_s",)),
    ("Success", ("success_share",)),
    ("CPU per webhook", CPU_PER_WEBHOOK),
    ("Accepted and lost", ("lost",)),
    ("Recovery", ("recovery_s",)),
)
"""What a reader asks first, in order: the title, and the metrics of which the first known is it."""

WORDS = {
    "api": "API",
    "cpu": "CPU",
    "fds": "file descriptors",
    "hdr": "HDR",
    "http": "HTTP",
    "io": "I/O",
    "p999": "p99.9",
    "rss": "RSS",
    "sqlite": "SQLite",
    "postgres": "PostgreSQL",
    "postgresql": "PostgreSQL",
    "rabbitmq": "RabbitMQ",
    "url": "URL",
    "us": "µs",
    "wal": "WAL",
}

LATENCIES = {
    "submission": "Submission",
    "submission_service": "Submission, from when it was sent",
    "end_to_end": "End to end",
    "queue_latency": "Queue latency",
    "queue": "Queue latency",
}
"""What is timed: names of a result's latencies."""


def first_known(metrics: Mapping[str, float], names: Sequence[str]) -> tuple[str, float | None]:
    """Return the first of *names* that was measured, with its value; else the first and None."""
    name = next((name for name in names if name in metrics), names[0])
    return name, metrics.get(name)


def key_figures(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return title and figure of what was measured of ``KEY_FIGURES``."""
    found = [(title, *first_known(metrics, names)) for title, names in KEY_FIGURES]
    # The title says what it is divided by.
    return [
        (title, figure(value, unit_of(name)).removesuffix("/webhook"))
        for title, name, value in found
        if value is not None
    ]


def title_of(name: str) -> str:
    """Return a metric's name in words, its unit left out: ``end_to_end_p95_s``: End to end p95.

    What it is divided by stays, unless that is a time: ``rss_bytes_per_pod``: RSS per pod.
    """
    unit = unit_of(name)
    stem = UNIT.sub("", name) or name
    if "per_" in unit and unit.rpartition("per_")[2] not in TIMES:
        stem += f"_per_{unit.rpartition('per_')[2]}"
    words = [WORDS.get(word, word) for word in stem.replace(".", "_").split("_") if word]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def latency_title(name: str) -> str:
    """Return what the latency called *name* is called."""
    return LATENCIES.get(name) or title_of(name)


def owner_of(sample: str) -> str:
    """Return whose sample it is: ``service`` for ``service.cpu_cores``; empty without a dot."""
    return sample.rpartition(".")[0]


def measure_of(sample: str) -> str:
    """Return what it measures: ``cpu_cores`` for ``service.cpu_cores``."""
    return sample.rpartition(".")[2]


def without_percentile(measure: str) -> str:
    """Return ``queue_latency_s`` for ``queue_latency_p99_s``."""
    return PERCENTILE.sub("", measure)


def percentile_of(measure: str) -> str:
    """Return ``p99`` for ``queue_latency_p99_s``; empty where there is none."""
    found = PERCENTILE.search(measure)
    return found[1] if found else ""
