"""The two summaries of k6: ``--summary-export`` and what ``handleSummary`` is given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.readers.reading import SUBMIT, Kind, Latencies, Reading, Submissions, label_of

Metrics = Mapping[str, Any]
PERCENTILES = {"p50_s": "med", "p90_s": "p(90)", "p95_s": "p(95)", "p99_s": "p(99)"}


def read_summary(path: Path, content: Mapping[str, Any]) -> Reading:
    """Return what the summary *content* of *path* says.

    Raises:
        UnreadableResult: no requests in it, or not what k6 writes.

    """
    try:
        return _read(path, content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableResult(
            f"{path} has metrics, but not as k6 writes them ({type(error).__name__}: {error})"
        ) from None


def _read(path: Path, content: Mapping[str, Any]) -> Reading:
    metrics: Metrics = content["metrics"]
    kind = _kind(content)
    requests, rate_per_s = _counted(metrics, "http_reqs")
    if not requests:
        raise UnreadableResult(
            f"{path} holds no requests: the script stopped before it sent one, see what k6 printed"
        )
    failed = _trues(metrics, "http_req_failed")
    told_ms = content.get("state", {}).get("testRunDurationMs")
    duration_s = told_ms / 1000 if told_ms else requests / rate_per_s if rate_per_s else None
    dropped, _ = _counted(metrics, "dropped_iterations")
    checks = _values(metrics, "checks")
    submissions = _submissions(metrics, requests, failed)
    found = _observed(metrics)
    if submissions:
        found |= submissions.metrics(duration_s, dropped)
    return Reading(
        source=path,
        kind=kind,
        label=label_of(path),
        requests=requests,
        failed_requests=failed,
        duration_s=duration_s,
        rate_per_s=rate_per_s or None,
        latency=_latencies(metrics, "http_req_duration"),
        thresholds=_thresholds(metrics, kind),
        dropped=dropped,
        checks=(int(checks["passes"]), int(checks["fails"])) if checks else None,
        metrics=found,
        notes=submissions.notes() if submissions else (),
    )


def _kind(content: Mapping[str, Any]) -> Kind:
    nested = any("values" in metric for metric in content["metrics"].values())
    return Kind.HANDLE_SUMMARY if nested or "state" in content else Kind.SUMMARY_EXPORT


def _values(metrics: Metrics, name: str) -> Mapping[str, Any]:
    """Return a metric's figures: under ``values`` in one of the shapes, flat in the other."""
    metric: Mapping[str, Any] = metrics.get(name, {})
    values: Mapping[str, Any] = metric.get("values", metric)
    return values


def _counted(metrics: Metrics, name: str) -> tuple[int, float]:
    values = _values(metrics, name)
    return (int(values["count"]), float(values["rate"])) if values else (0, 0.0)


def _trues(metrics: Metrics, name: str) -> int | None:
    """Return how often a rate was true; for http_req_failed, ``passes`` are the failures."""
    values = _values(metrics, name)
    return int(values["passes"]) if values else None


def _latencies(metrics: Metrics, name: str) -> Latencies:
    """Return a trend in seconds; k6 writes milliseconds, and of none just zeros."""
    values = _values(metrics, name)
    if not values or values.get("count") == 0:
        return Latencies()
    seconds = {
        ours: values[theirs] / 1000 for ours, theirs in PERCENTILES.items() if theirs in values
    }
    for ours, theirs in (("mean_s", "avg"), ("max_s", "max")):
        if theirs in values:
            seconds[ours] = values[theirs] / 1000
    return Latencies(**seconds)


def _thresholds(metrics: Metrics, kind: Kind) -> dict[str, bool]:
    """Return the outcomes, True when held: ``--summary-export`` says true for *crossed*."""
    outcomes = {}
    for name, metric in metrics.items():
        for expression, outcome in metric.get("thresholds", {}).items():
            held = outcome["ok"] if kind is Kind.HANDLE_SUMMARY else not outcome
            outcomes[f"{name}: {expression}"] = bool(held)
    return outcomes


def _submissions(metrics: Metrics, requests: int, failed: int | None) -> Submissions | None:
    """Return the submissions: by their name, or all requests of a script that names none."""
    mine = f"{{name:{SUBMIT}}}"
    delivered = _values(metrics, "delivery_success")
    followed = delivered.get("passes", 0) + delivered.get("fails", 0) if delivered else 0
    share = delivered["passes"] / followed if followed else None
    end_to_end = _latencies(metrics, "end_to_end") if followed else Latencies()
    if f"http_reqs{mine}" in metrics:
        count, _ = _counted(metrics, f"http_reqs{mine}")
        named_failed = _trues(metrics, f"http_req_failed{mine}")
        latency = _latencies(metrics, f"http_req_duration{mine}")
        if named_failed is None:
            named_failed = _false_submissions(metrics)
        return Submissions(count, named_failed, latency, share, end_to_end)
    if any("{name:" in name for name in metrics):
        return None
    return Submissions(requests, failed, _latencies(metrics, "http_req_duration"), share)


def _false_submissions(metrics: Metrics) -> int | None:
    values = _values(metrics, "submission_success")
    return int(values["fails"]) if values else None


def _observed(metrics: Metrics) -> dict[str, float]:
    """Return what load-test.js and monitoring-test.js saw of the service's resources."""
    wanted = {
        "queue_depth_max": ("queue_depth", "max"),
        "service_cpu_share": ("service_cpu_share", "avg"),
        "service_rss_max_bytes": ("service_rss_bytes", "max"),
        "database_connections_max": ("database_connections", "max"),
    }
    return {
        ours: float(_values(metrics, name)[stat])
        for ours, (name, stat) in wanted.items()
        if name in metrics and _values(metrics, name).get("count") != 0
    }
