"""The resources that may run out in a run, and how much of each was used at every moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sureshot_lab.result import RunResult, Sample
from sureshot_lab.targets import load_targets


class Owner(StrEnum):
    """Whose limit it is: only the service's says something about the service."""

    SERVICE = "service"
    STORE = "store"
    MACHINE = "machine"
    LABORATORY = "laboratory"


@dataclass(frozen=True)
class Resource:
    """One thing that may run out.

    ``samples``: names it is sampled under, the first that is there counts. ``capacity``:
    how much of it there is in this run, None when that is not known. From ``full`` of
    its capacity on, 0 to 1, work waits for it. ``advice``: what to do when it is.
    """

    name: str
    owner: Owner
    samples: tuple[str, ...]
    capacity: Callable[[RunResult], float | None]
    full: float
    advice: str


def _one(_result: RunResult) -> float:
    return 1.0


def _cores(result: RunResult) -> float | None:
    cores = result.conditions.machine.get("cores")
    return float(cores) if isinstance(cores, int | float) and cores else None


def _told_by_service(name: str) -> Callable[[RunResult], float | None]:
    """Return what the service was set to, or given, under *name*."""

    def capacity(result: RunResult) -> float | None:
        settings = result.conditions.service.get("settings")
        told = settings if isinstance(settings, dict) else {}
        value = told.get(name, result.conditions.service.get(name))
        return float(value) if isinstance(value, int | float) and value > 0 else None

    return capacity


def _limit_of(target: str) -> Callable[[RunResult], float | None]:
    """Return the hard limit of a resource of targets.toml."""

    def capacity(_result: RunResult) -> float | None:
        limits = {resource.name: resource.limit for resource in load_targets().resource}
        return limits.get(target)

    return capacity


RESOURCES = (
    Resource(
        "CPU of the service's busiest process",
        Owner.SERVICE,
        ("service.cpu_cores_max", "metrics.cpu_cores_max"),
        _one,
        0.90,
        "add processes: one runs on one core",
    ),
    Resource(
        "memory of the service",
        Owner.SERVICE,
        ("service.rss_bytes", "metrics.rss_bytes"),
        _told_by_service("memory_bytes"),
        0.90,
        "lower its queue and intake limits, or give it more memory",
    ),
    Resource(
        "file descriptors of the service",
        Owner.SERVICE,
        ("service.fds", "metrics.fds"),
        _told_by_service("descriptors"),
        0.90,
        "raise the limit of open files, or lower the in-flight limit",
    ),
    Resource(
        "webhooks in flight",
        Owner.SERVICE,
        ("metrics.in_flight",),
        _told_by_service("max_in_flight"),
        0.95,
        "raise the in-flight limit if receivers and memory allow it, or add workers",
    ),
    Resource(
        "database connections",
        Owner.STORE,
        ("postgres.database_connections", "metrics.database_connections"),
        _limit_of("database-connections"),
        0.90,
        "lower the pool of each process, or raise the database's limit",
    ),
    Resource(
        "CPU of the store",
        Owner.STORE,
        ("store.cpu_cores", "postgres.cpu_cores"),
        _cores,
        0.90,
        "give the database more cores, or batch more rows a transaction",
    ),
    Resource(
        "waiting for the disk",
        Owner.MACHINE,
        ("host.iowait_share",),
        _one,
        0.25,
        "use a faster disk, or commit in larger batches",
    ),
    Resource(
        "CPU of the machine",
        Owner.MACHINE,
        ("host.cpu_share",),
        _one,
        0.90,
        "use more cores, or put generator and sink on a machine of their own",
    ),
    Resource(
        "CPU taken by the hypervisor",
        Owner.MACHINE,
        ("host.steal_share",),
        _one,
        0.05,
        "measure on a machine that is not shared, or at another time",
    ),
    Resource(
        "CPU of the generator",
        Owner.LABORATORY,
        ("generator.cpu_cores_max", "generator.cpu_cores"),
        _one,
        0.80,
        "offer less, or spread the load over more generators",
    ),
    Resource(
        "CPU of the sink",
        Owner.LABORATORY,
        ("sink.cpu_cores_max", "sink.cpu_cores"),
        _one,
        0.80,
        "spread the endpoints over more sinks",
    ),
    Resource(
        "time of the sampler's own loop",
        Owner.LABORATORY,
        ("sampler.lag_s",),
        _one,
        0.50,
        "take work off the laboratory's process",
    ),
)
"""In the order in which they are suspected when several are full at one time."""


def sampled(
    resource: Resource, result: RunResult, samples: Sequence[Sample]
) -> list[tuple[float, float]]:
    """Return (moment, share of the capacity used); empty when one of the two is not known."""
    capacity = resource.capacity(result)
    if not capacity:
        return []
    for name in resource.samples:
        found = [(one.at_s, one.values[name] / capacity) for one in samples if name in one.values]
        if found:
            return found
    return []
