"""What a demand writes, keeps and holds: disk, WAL, connections, memory, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from sureshot_lab.capacity.basis import Basis
from sureshot_lab.capacity.demand import (
    IN_FLIGHT_BYTES,
    PAYLOAD_BYTES_AT_MOST,
    SCHEDULER_CORES,
    Demand,
)
from sureshot_lab.capacity.replicas import Replicas
from sureshot_lab.targets import load_targets

DAY_S = 86_400.0
HOURS_A_MONTH = 730.0
GIB, MIB = 1024.0**3, 1024.0**2
LISTENING = 1
"""A connection beside the pool, on which a process hears of what others changed."""


@dataclass(frozen=True)
class Need:
    """One line of a plan: so much, and how it was reckoned."""

    what: str
    value: float
    unit: str
    how: str


def memory(demand: Demand, basis: Basis, replicas: Replicas) -> list[Need]:
    """Return the memory of a worker while the spare one is gone, and of all processes."""
    in_flight = basis.in_flight(demand.rate_per_s, demand.receiver_s)
    workers = replicas.sure_workers
    each = basis.value("rss_bytes")
    a_worker = each + _held(demand, basis, in_flight / workers)
    every = replicas.all * each + workers * _held(demand, basis, in_flight / workers)
    return [
        Need("memory of a worker", a_worker / MIB, "MiB",
             f"the largest process seen and {in_flight / workers:.0f} in flight; when more waits, "
             f"up to {PAYLOAD_BYTES_AT_MOST / MIB:.0f} MiB of payload beside it"),
        Need("memory", every / GIB, "GiB", f"{replicas.all} processes, and what is in flight"),
    ]  # fmt: skip


def _held(demand: Demand, basis: Basis, in_flight: float) -> float:
    """Return the bytes that *in_flight* of one process take; its limit bounds the payload."""
    payload = min(demand.payload_bytes * in_flight, IN_FLIGHT_BYTES)
    return basis.value("held_bytes") * in_flight + payload


def storage(demand: Demand, basis: Basis, replicas: Replicas) -> list[Need]:
    """Return disk, and of PostgreSQL and RabbitMQ what applies to the profile."""
    needs = []
    if "disk_bytes" in basis.factors:
        each = _bytes_each(demand, basis, "disk_bytes")
        disk = each * demand.rate_per_s * DAY_S / GIB
        needs += [
            Need("disk a day", disk, "GiB", f"{each:.0f} bytes a webhook, indexes in it"),
            Need("disk kept", disk * demand.retention_days, "GiB",
                 f"{demand.retention_days:g} days of retention"),
        ]  # fmt: skip
    if basis.profile != "embedded":
        needs += _of_postgres(demand, basis, replicas)
    return needs + (_of_rabbitmq(demand, basis) if basis.profile == "cluster" else [])


def _bytes_each(demand: Demand, basis: Basis, name: str) -> float:
    # A byte of payload more is one more in the row and one more in the log of it.
    further = demand.payload_bytes - basis.value("payload_bytes")
    return max(demand.payload_bytes, basis.value(name) + further)


def _of_postgres(demand: Demand, basis: Basis, replicas: Replicas) -> list[Need]:
    needs = []
    if "wal_bytes" in basis.factors:
        each = _bytes_each(demand, basis, "wal_bytes")
        a_day = each * demand.rate_per_s * DAY_S / GIB
        needs.append(Need("WAL a day", a_day, "GiB", f"{each:.0f} bytes a webhook"))
    seen, most = basis.value("database_connections"), demand.database_pool + LISTENING
    processes = f"a process, {replicas.all} processes"
    return [
        *needs,
        *_commits(demand, basis, replicas),
        Need("database connections", seen * replicas.all, "", f"{seen:.3g} {processes}: as seen"),
        Need("connections at most", most * replicas.all, "",
             f"{most} {processes}: the pool and {LISTENING}; max_connections must allow them"),
    ]  # fmt: skip


def _commits(demand: Demand, basis: Basis, replicas: Replicas) -> list[Need]:
    if basis.commits is None:
        return []
    each_per_s = demand.rate_per_s / max(replicas.api, replicas.workers)
    a_webhook = basis.commits.at(each_per_s)
    low, high = basis.commits.ends
    told = "as measured"
    if each_per_s < low:
        told = f"at least: the lowest measured is {low:.0f}/s"
    elif each_per_s > high:
        told = f"at most: the highest measured is {high:.0f}/s"
    return [
        Need("commits", a_webhook * demand.rate_per_s, "a second",
             f"{a_webhook:.3g} a webhook at {each_per_s:.0f}/s of one replica, {told}")
    ]  # fmt: skip


def _of_rabbitmq(demand: Demand, basis: Basis) -> list[Need]:
    deepest = next(one.limit for one in load_targets().resource if one.name == "queue-depth")
    each = demand.payload_bytes + basis.value("message_bytes")
    return [
        Need("RabbitMQ memory", deepest * each / GIB, "GiB",
             f"at the limit of {deepest:,.0f} in the queue; {basis.value('message_bytes'):.0f} "
             "bytes of each are assumed, not measured: at most, up to 100 share a message")
    ]  # fmt: skip


def cost(demand: Demand, basis: Basis, replicas: Replicas) -> list[Need]:
    """Return the price of a million webhooks, where prices are told."""
    if demand.price_core_hour is None:
        return []
    cores = replicas.serving + SCHEDULER_CORES * replicas.schedulers
    an_hour = cores * demand.price_core_hour
    told = f"{cores:g} cores"
    if demand.price_gb_month is not None and "disk_bytes" in basis.factors:
        each = _bytes_each(demand, basis, "disk_bytes")
        stored = each * demand.rate_per_s * DAY_S * demand.retention_days / GIB
        an_hour += stored * demand.price_gb_month / HOURS_A_MONTH
        told += f" and {stored:.0f} GiB"
    million = 1e6 * an_hour / (demand.rate_per_s * 3600)
    how = f"{told}; the CPU of PostgreSQL and RabbitMQ is not in it"
    return [Need("cost of a million", million, "in the prices' currency", how)]
