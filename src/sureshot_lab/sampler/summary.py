"""Samples into the figures a run is judged by: highest loads, largest sizes, cost of a webhook.

Which part of the run counts:

- **Largest values** (``_max``): everything but the warm-up, so that what a drain
  or a spike leaves behind is seen.
- **Shares** (``_share``): without settling and draining too, which would dilute them.
- **Costs** (``_per_webhook``): the whole run, warm-up and drain included, because
  the webhooks it is divided by are of the whole run.

A CPU share is the **highest mean of 10 s in a row**: a target is a promise for
sustained load, and single seconds are noise. It is of one core and of the **busiest
process**: a pod is full by itself, and idle ones (a supervisor) would hide it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sureshot_lab.result import Phase, Sample
from sureshot_lab.sampler.steps import (
    Span,
    Step,
    highest_mean,
    integral,
    mean,
    rise_within,
    steps_within,
    values_within,
)

WINDOW_S = 10.0
WARM_UP = "warm-up"
BUSIEST = ".cpu_cores_max"
QUIET = (WARM_UP, "settle", "drain")
"""Names of phases in which no load, or not the full load, is offered."""

HIGHEST = {
    "database_connections_max": ("postgres.database_connections", "metrics.database_connections"),
    "queue_depth_max": ("metrics.queue_depth", "rabbitmq.ready"),
    "backlog_max": ("metrics.backlog",),
    "in_flight_max": ("metrics.in_flight",),
    "oldest_due_max_s": ("metrics.oldest_due_s",),
    "breaker_open_max": ("metrics.breaker_open",),
    "lanes_held_back_max": ("metrics.lanes_held_back",),
    "rejected": ("metrics.rejected",),
    "host_memory_used_max_bytes": ("host.memory_used_bytes",),
    "database_size_max_bytes": ("postgres.size_bytes", "sqlite.database_bytes"),
    "database_locks_waiting_max": ("postgres.locks_waiting",),
    "database_deadlocks": ("postgres.deadlocks",),
    "queue_unacked_max": ("rabbitmq.unacked",),
    "queue_memory_max_bytes": ("rabbitmq.memory_bytes",),
    "pod_memory_max_bytes": ("kubernetes.memory_max_bytes",),
}
"""A metric, and the values it is the highest of: of the first name that was seen."""

COSTS = {
    "database_commits_per_webhook": "postgres.commits_per_s",
    "database_wal_bytes_per_webhook": "postgres.wal_bytes_per_s",
    "host_network_bytes_per_webhook": "host.network_in_bytes_per_s",
    "host_disk_written_bytes_per_webhook": "host.disk_written_bytes_per_s",
}

OWNERS = {"host": "host", "database": "postgres", "kubernetes": "kubernetes", "queue": "metrics"}
OF_PROCESSES = ("_cpu_share", "_rss_max_bytes", "_fds_max", "_cpu_us_per_webhook")


def summarise(
    samples: Sequence[Sample], phases: Sequence[Phase] = (), *, delivered: int | None = None
) -> dict[str, float]:
    """Return entries of a run's ``metrics``; what was not sampled is left out.

    *samples* and *phases* are on one clock (``rebase``); without phases all counts.
    *delivered*: webhooks delivered in the whole run, for the costs.

    ``service_cpu_share``, ``service_rss_max_bytes``, ``service_fds_max`` and the same of
    every other label; the names in ``HIGHEST``; ``host_cpu_share`` (highest 10 s),
    ``host_steal_share`` and ``host_iowait_share`` (means), ``host_steal_share_max``
    (highest 10 s), ``database_cache_hit_share``; with *delivered*
    ``<label>_cpu_us_per_webhook`` and the names in ``COSTS``.
    """
    kept = _spans(samples, [phase for phase in phases if phase.name != WARM_UP] or phases)
    loaded = _spans(samples, [phase for phase in phases if phase.name not in QUIET] or phases)
    metrics = {
        **_groups(samples, kept, loaded),
        **_highest(samples, kept),
        **_shares(samples, loaded),
    }
    if delivered:
        metrics |= _costs(samples, _spans(samples, phases), delivered)
    return metrics


def sources_of(metric: str) -> set[str]:
    """Return the names of the sources that an entry of ``summarise`` may come from."""
    names = HIGHEST.get(metric, ())
    if metric in COSTS:
        names = (COSTS[metric],)
    if names:
        return {name.partition(".")[0] for name in names}
    owner = metric.partition("_")[0]
    if owner in OWNERS:
        return {OWNERS[owner]}
    return {"processes", "metrics"} if metric.endswith(OF_PROCESSES) else set()


def _spans(samples: Sequence[Sample], phases: Sequence[Phase]) -> list[Span]:
    """Return the phases' times; all the samples' without any."""
    if phases:
        return [(phase.start_s, phase.end_s) for phase in phases]
    return [(samples[0].at_s, samples[-1].at_s)] if samples else []


def _labels(samples: Sequence[Sample]) -> dict[str, str]:
    """Return each group of processes by its label, with the beginning of its values' names.

    A service of which no process is on this machine is known by what it tells of itself.
    """
    names = {name for sample in samples for name in sample.values if name.endswith(BUSIEST)}
    labels = {name.removesuffix(BUSIEST): f"{name.removesuffix(BUSIEST)}." for name in names}
    if prefix := labels.pop("metrics", None):
        labels.setdefault("service", prefix)
    return dict(sorted(labels.items()))


def _groups(
    samples: Sequence[Sample], kept: Sequence[Span], loaded: Sequence[Span]
) -> dict[str, float]:
    metrics: dict[str, float | None] = {}
    for label, prefix in _labels(samples).items():
        busiest = steps_within(samples, f"{prefix}cpu_cores_max", loaded)
        metrics[f"{label}_cpu_share"] = highest_mean(busiest, WINDOW_S)
        for ours, theirs in (("rss_max_bytes", "rss_max_bytes"), ("fds_max", "fds")):
            found = values_within(samples, f"{prefix}{theirs}", kept)
            metrics[f"{label}_{ours}"] = max(found, default=None)
    return _known(metrics.items())


def _highest(samples: Sequence[Sample], kept: Sequence[Span]) -> dict[str, float]:
    metrics: dict[str, float | None] = {}
    for metric, names in HIGHEST.items():
        found = (values_within(samples, name, kept) for name in names)
        metrics[metric] = max(next(filter(None, found), []), default=None)
    return _known(metrics.items())


def _shares(samples: Sequence[Sample], loaded: Sequence[Span]) -> dict[str, float]:
    def steps(name: str) -> list[Step]:
        return steps_within(samples, name, loaded)

    return _known(
        {
            "host_cpu_share": highest_mean(steps("host.cpu_share"), WINDOW_S),
            "host_steal_share": mean(steps("host.steal_share")),
            "host_steal_share_max": highest_mean(steps("host.steal_share"), WINDOW_S),
            "host_iowait_share": mean(steps("host.iowait_share")),
            "database_cache_hit_share": mean(steps("postgres.cache_hit_share")),
        }.items()
    )


def _costs(samples: Sequence[Sample], whole: Sequence[Span], delivered: int) -> dict[str, float]:
    metrics: dict[str, float | None] = {}
    for label, prefix in _labels(samples).items():
        used_s = rise_within(samples, f"{prefix}cpu_s", whole)
        metrics[f"{label}_cpu_us_per_webhook"] = used_s and 1e6 * used_s / delivered
    for metric, name in COSTS.items():
        steps = steps_within(samples, name, whole)
        metrics[metric] = integral(steps) / delivered if steps else None
    return _known(metrics.items())


def _known(metrics: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    return {name: value for name, value in metrics if value is not None}
