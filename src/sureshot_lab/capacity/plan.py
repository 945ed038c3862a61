"""A demand becomes a plan: replicas, connections, writes, disk, memory, cost and headroom."""

from __future__ import annotations

from dataclasses import dataclass

from sureshot_lab.capacity.basis import Basis
from sureshot_lab.capacity.demand import Demand
from sureshot_lab.capacity.doubts import doubts
from sureshot_lab.capacity.replicas import (
    SPARE,
    Capacity,
    Replicas,
    capacity_of,
    cpu_target,
    replicas_for,
)
from sureshot_lab.capacity.storage import Need, cost, memory, storage

BESIDE = (
    "TLS to receivers (those of the runs were plain HTTP)",
    "the CPU of PostgreSQL and RabbitMQ",
    "backups",
    "network",
)
"""What no plan reckons, for people."""


@dataclass(frozen=True)
class Plan:
    """The needs in reading order. ``kept``: whether p95 is within the demand; None: unknown."""

    needs: list[Need]
    kept: bool | None
    warnings: list[str]
    capacity_per_s: float
    """What is planned holds that much with one replica gone: CPU and slots at their target,
    or 10 % above the highest rate measured."""

    def need(self, what: str) -> float:
        """Return the value of the need called *what*; raises ``KeyError``."""
        return {one.what: one.value for one in self.needs}[what]


def plan_capacity(demand: Demand, basis: Basis) -> Plan:
    """Return what *demand* needs by *basis*; every line tells its reckoning."""
    cores = basis.cores(demand.rate_per_s, demand.payload_bytes)
    replicas = replicas_for(demand, basis)
    most = capacity_of(demand, basis, replicas)
    needs = [
        Need("CPU", cores, "cores", f"{demand.rate_per_s:.0f}/s x "
             f"{1e6 * cores / demand.rate_per_s:.0f} us, with one replica of each role"),
        *_replica_needs(demand, replicas, basis),
        Need("in flight", basis.in_flight(demand.rate_per_s, demand.receiver_s), "requests",
             f"Little's law: {demand.rate_per_s:.0f}/s x ({1000 * demand.receiver_s:.0f} + "
             f"{1000 * basis.value('overhead_s'):.1f}) ms"),
        *memory(demand, basis, replicas),
        *storage(demand, basis, replicas),
        _headroom(demand, most, replicas),
        *cost(demand, basis, replicas),
    ]  # fmt: skip
    kept, promise = _promise(demand, basis)
    return Plan([*needs, *promise], kept, doubts(demand, basis), most.rate_per_s)


def _replica_needs(demand: Demand, replicas: Replicas, basis: Basis) -> list[Need]:
    how = (
        f"each within {100 * cpu_target():.0f} % of a core and of its slots, and "
        f"{basis.most_per_s:.0f}/s, + {SPARE}"
    )
    if basis.profile == "embedded":
        return [Need("processes", replicas.workers, "", "one SQLite file: 1 is all there can be")]
    if replicas.together:
        return [Need("replicas", replicas.workers, "", how)]
    share = basis.value("api_share")
    of_role = (("API", replicas.api, share), ("worker", replicas.workers, 1 - share))
    return [
        Need(f"{role} replicas", count, "", f"{part * _cores_of_one(demand, basis, count):.2f} "
             f"cores each, {how}")
        for role, count, part in of_role
    ]  # fmt: skip


def _cores_of_one(demand: Demand, basis: Basis, count: int) -> float:
    """Return the cores at the rate of one replica, while the spare one is gone."""
    return basis.cores(demand.rate_per_s / (count - SPARE), demand.payload_bytes)


def _headroom(demand: Demand, most: Capacity, replicas: Replicas) -> Need:
    spare = ", one replica gone" if replicas.sure_workers < replicas.workers else ""
    how = f"up to {most.rate_per_s:.0f}/s: {most.by}{spare}"
    return Need("headroom", 100 * (most.rate_per_s / demand.rate_per_s - 1), "%", how)


def _promise(demand: Demand, basis: Basis) -> tuple[bool | None, list[Need]]:
    if "waiting_p95_s" not in basis.factors:
        return None, []
    p95_s = basis.value("waiting_p95_s") + demand.receiver_s
    how = (
        f"sent to received as measured at {basis.waited_at_per_s:.0f}/s, the rate nearest to the "
        "demand, and the receiver's time"
    )
    return p95_s <= demand.p95_s, [Need("p95 to delivered", 1000 * p95_s, "ms", how)]
