"""One shape for every result file: what was sent, what failed, how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

SUBMIT = "submit"
"""The ``name`` tag of submissions in our scripts."""


class Kind(StrEnum):
    """Which program wrote the file, and in which of its ways."""

    SUMMARY_EXPORT = "k6 --summary-export"
    HANDLE_SUMMARY = "k6 handleSummary"
    NDJSON = "k6 --out json"
    CSV = "k6 --out csv"
    RESULT = "result.json"


@dataclass(frozen=True)
class Latencies:
    """Seconds; None where the file does not hold it."""

    mean_s: float | None = None
    p50_s: float | None = None
    p90_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    max_s: float | None = None

    def named(self, name: str) -> dict[str, float]:
        """Return what is known as metrics of a run: ``<name>_p95_s`` and so on."""
        return {f"{name}_{key}": value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Reading:
    """A file, read. ``requests`` counts them all, set-up and observers as well.

    ``thresholds``: by expression, True when held; empty when the file has no outcomes.
    ``checks``: how many passed and failed. ``metrics``: what is held against the targets,
    by the names of a run's metrics; ``notes``: what to know of them. ``held_to``: names of
    the only targets that apply, None for all.
    """

    source: Path
    kind: Kind
    label: str
    requests: int
    failed_requests: int | None
    duration_s: float | None
    rate_per_s: float | None
    latency: Latencies
    thresholds: Mapping[str, bool] = field(default_factory=dict)
    dropped: int = 0
    checks: tuple[int, int] | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    held_to: frozenset[str] | None = None

    @property
    def success_share(self) -> float | None:
        """Share of the requests that did not fail."""
        if self.failed_requests is None:
            return None
        return 1 - self.failed_requests / self.requests

    @property
    def good_per_s(self) -> float | None:
        """Rate of the requests that did not fail."""
        if self.rate_per_s is None:
            return None
        share = self.success_share
        return self.rate_per_s * (1 if share is None else share)


@dataclass(frozen=True)
class Submissions:
    """The requests of a k6 run that submit webhooks, and what became of those followed."""

    requests: int
    failed: int | None
    latency: Latencies
    delivered_share: float | None = None
    end_to_end: Latencies = Latencies()

    def metrics(self, duration_s: float | None, dropped: int) -> dict[str, float]:
        """Return the figures the targets are about.

        A run that follows no webhook shows an upper bound of the success only:
        what is not accepted is not delivered.
        """
        found = {**self.latency.named("submission"), **self.end_to_end.named("end_to_end")}
        found["requests"] = self.requests
        found["dropped_requests"] = dropped
        good = self.requests
        if self.failed is not None and self.requests:
            good -= self.failed
            share = good / self.requests
            found["failed_requests"] = self.failed
            found["submission_success_share"] = share
            delivered = 1.0 if self.delivered_share is None else self.delivered_share
            found["success_share"] = share * delivered
        if duration_s:
            found["offered_per_s"] = (self.requests + dropped) / duration_s
            found["achieved_per_s"] = self.requests / duration_s
            found["throughput_per_min"] = 60 * good / duration_s
        return found

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the figures must know."""
        if self.delivered_share is None:
            return (
                "no webhook was followed to its delivery: the success rate is that of requests",
            )
        return ()


def label_of(path: Path) -> str:
    """Return what to call the file: its name without endings, or its run's folder."""
    name = path.name
    for ending in (".gz", ".json", ".ndjson", ".csv"):
        name = name.removesuffix(ending)
    return path.resolve().parent.name if name == "result" else name
