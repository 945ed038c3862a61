"""What the sampler of a run looks at: processes, host, metrics, stores, broker, pods."""

from __future__ import annotations

import contextlib

import psutil

from sureshot_lab.runs.options import Options
from sureshot_lab.runs.own_service import OwnService
from sureshot_lab.sampler.host import Host
from sureshot_lab.sampler.kubernetes import Kubernetes
from sureshot_lab.sampler.postgres import Postgres
from sureshot_lab.sampler.processes import Pids, Processes
from sureshot_lab.sampler.rabbitmq import RabbitMQ
from sureshot_lab.sampler.rabbitmq_details import RabbitMQDetails
from sureshot_lab.sampler.service_metrics import ServiceMetrics
from sureshot_lab.sampler.source import Source
from sureshot_lab.sampler.sqlite_files import DatabaseFiles

GENERATORS = ("sureshot_lab.load", "k6")


def database_of(service: OwnService | None, options: Options) -> Postgres | None:
    """Return the PostgreSQL to look at: the own service's, or the one named for a target."""
    if service is None:
        return Postgres(options.database_url) if options.database_url else None
    return None if service.backing is None else Postgres(service.backing.database_url)


def sources_of(
    service: OwnService | None,
    sink_pid: int,
    metrics: ServiceMetrics,
    database: Postgres | None,
    options: Options,
) -> list[Source]:
    """Return all that is looked at, each second or at the pace it can bear.

    Raises ``LabError`` for an address that is none.
    """
    groups: dict[str, Pids] = {"sink": [sink_pid], "generator": _generators}
    if service is not None:
        groups["service"] = service.pids
        if database is not None:
            # The whole server's, if it is on this machine: what other databases cost counts too.
            groups["postgres"] = "postgres"
    sources: list[Source] = [Processes(groups), Host(), metrics]
    if service is not None and database is None:
        sources.append(DatabaseFiles(service.database_path))
    if database is not None:
        sources.append(database)
    return [*sources, *broker_of(service, options), *pods_of(options)]


def broker_of(service: OwnService | None, options: Options) -> list[Source]:
    """Return what tells of the broker: the own service's, or the one named for a target."""
    backing = None if service is None else service.backing
    url, queue = options.queue_url, options.queue_name
    if service is not None:
        url, queue = (backing.queue_url, backing.queue_name) if backing else ("", "")
    if not url or not queue:
        return []
    control = "rabbitmqctl" if options.rabbitmqctl else None
    given = options.management_url or None
    return [RabbitMQ(url, [queue]), RabbitMQDetails(url, [queue], given, control)]


def pods_of(options: Options) -> list[Source]:
    """Return the pods of the namespace that was named, if one was."""
    if not options.kube_context:
        return []
    return [Kubernetes(options.kube_context, options.kube_namespace or "default")]


def _generators() -> list[int]:
    """Return the generator processes this one has started."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            line = " ".join(child.cmdline()[:3])
            if any(name in line for name in GENERATORS):
                found.append(child.pid)
    return found
