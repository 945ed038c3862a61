"""What one run says of a webhook's needs: its CPU, rows, WAL, disk, and time in flight."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median

from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.sampler.steps import Span, rise_within, values_within
from sureshot_lab.traffic.payloads import make_payloads

POOL = 512
"""As many payloads as a run draws: their mean is the mean of what it sent."""
LOAD = "load"


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A run under load; None where it was not measured.

    ``cores``: of all processes of the service together. ``in_flight``: the median, between
    queue and record. ``receiver_s``: what receivers were told to take, else the median
    request by the service's histogram, coarse above some milliseconds. ``end_to_end_p95_s``:
    sent to received. ``api_share``: the part of the CPU that the role ``api`` took.
    ``host_cpu_share``: of the machine's CPU, what everything on it used.
    """

    run: str
    profile: str
    rate_per_s: float
    payload_bytes: float
    cores: float
    processes: float
    in_flight: float | None = None
    receiver_s: float | None = None
    end_to_end_p95_s: float | None = None
    api_share: float | None = None
    commits: float | None = None
    wal_bytes: float | None = None
    disk_bytes: float | None = None
    rss_bytes: float | None = None
    database_connections: float | None = None
    host_cpu_share: float | None = None


def observe(result: RunResult) -> Observation:
    """Return what *result* says.

    Raises:
        LabError: an INVALID run, one without a service of its own, without CPU or without
            accepted webhooks: its figures would be those of something else.

    """
    if result.verdict is Verdict.INVALID:
        raise LabError(f"{result.id} is INVALID ({'; '.join(result.reasons)}): no basis")
    spans = [(one.start_s, one.end_s) for one in result.phases if one.name == LOAD]
    seconds = sum(end - start for start, end in spans)
    used_s = rise_within(result.samples, "service.cpu_s", spans)
    rate = result.metrics.get("accepted_per_s", 0.0)
    profile = str(result.conditions.service.get("profile", ""))
    if not (used_s and seconds and rate and profile):
        raise LabError(f"{result.id} does not tell the CPU of a service of its own: no basis")
    metrics = result.metrics
    processes = _mean(result, "metrics.processes", spans) or 1.0
    connections = metrics.get("database_connections_max")
    return Observation(
        run=result.id,
        profile=profile,
        rate_per_s=rate,
        payload_bytes=_payload_bytes(result),
        cores=used_s / seconds,
        processes=processes,
        in_flight=_median(result, "metrics.in_flight", spans),
        receiver_s=_receiver_s(result),
        end_to_end_p95_s=metrics.get("end_to_end_p95_s"),
        api_share=metrics.get("api_cpu_share_of_service"),
        commits=metrics.get("database_commits_per_webhook"),
        wal_bytes=metrics.get("database_wal_bytes_per_webhook"),
        disk_bytes=_growth(result),
        rss_bytes=metrics.get("service_rss_max_bytes"),
        database_connections=None if connections is None else connections / processes,
        host_cpu_share=metrics.get("host_cpu_share"),
    )


def _payload_bytes(result: RunResult) -> float:
    told = result.conditions.options.get("payload", {})
    payloads = make_payloads(told.get("mix") or {"order.completed": 1.0}, told.get("seed", 1), POOL)
    return fmean(len(payload.encode()) for payload in payloads)


def _mean(result: RunResult, name: str, spans: list[Span]) -> float | None:
    values = values_within(result.samples, name, spans)
    return fmean(values) if values else None


def _median(result: RunResult, name: str, spans: list[Span]) -> float | None:
    """Return the median of the load's seconds: its first ones are not full yet."""
    values = values_within(result.samples, name, spans)
    return median(values) if values else None


def _receiver_s(result: RunResult) -> float | None:
    told = result.conditions.options.get("receivers")
    if told is not None and len(told) <= 1:
        one = told[0] if told else {"share": 1.0, "delay_s": 0.0}
        constant = one["share"] == 1.0 and not one.get("delay_p95_s") and not one.get("hang")
        if constant and not one.get("capacity"):
            return float(one["delay_s"])
    return result.metrics.get("delivery_duration_p50_s")


def _growth(result: RunResult) -> float | None:
    """Return by how much a webhook made the database grow, from its first size to its largest."""
    for name in ("postgres.size_bytes", "sqlite.database_bytes"):
        sizes = [one.values[name] for one in result.samples if name in one.values]
        delivered = result.metrics.get("delivered", 0.0)
        if len(sizes) > 1 and delivered:
            return (max(sizes) - sizes[0]) / delivered
    return None
