"""A demand becomes a plan: replicas, connections, writes, disk, memory, cost and headroom."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sureshot_lab.capacity.basis import Basis
from sureshot_lab.targets import load_targets

DAY_S = 86_400.0
HOURS_A_MONTH = 730.0
GIB = 1024.0**3
SPARE = 1
"""N+1: one replica may be gone, by a crash or a roll-out, and the rest still does it."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is wanted. ``max_in_flight``: of a worker, as SURESHOT_MAX_IN_FLIGHT."""

    rate_per_s: float
    p95_s: float
    payload_bytes: float
    receiver_s: float
    retention_days: float = 7.0
    max_in_flight: int = 10_000
    price_core_hour: float | None = None
    price_gb_month: float | None = None


@dataclass(frozen=True)
class Need:
    """One line of a plan: so much, and how it was reckoned."""

    what: str
    value: float
    unit: str
    how: str


@dataclass(frozen=True)
class Plan:
    """The needs in reading order. ``kept``: whether p95 is within the demand; None: unknown."""

    needs: list[Need]
    kept: bool | None
    warnings: list[str]
    capacity_per_s: float
    """The rate at the CPU target with one replica gone: what is planned holds that much."""

    def need(self, what: str) -> float:
        """Return the value of the need called *what*; raises ``KeyError``."""
        return {one.what: one.value for one in self.needs}[what]


@dataclass(frozen=True)
class _Replicas:
    api: int
    workers: int
    together: bool

    @property
    def all(self) -> int:
        """Every process that needs a core."""
        return self.workers if self.together else self.api + self.workers


def plan_capacity(demand: Demand, basis: Basis) -> Plan:
    """Return what *demand* needs by *basis*; every line tells its reckoning."""
    cores = basis.cores(demand.rate_per_s)
    in_flight = basis.in_flight(demand.rate_per_s, demand.receiver_s)
    replicas = _replicas(demand, basis, in_flight)
    most_per_s = _capacity_per_s(basis, replicas)
    needs = [
        Need("CPU", cores, "cores", f"{demand.rate_per_s:.0f}/s x "
             f"{1e6 * cores / demand.rate_per_s:.0f} us, with one replica of each role"),
        *_replica_needs(demand, replicas, basis),
        Need("in flight", in_flight, "requests", f"Little's law: {demand.rate_per_s:.0f}/s x "
             f"({1000 * demand.receiver_s:.0f} + {1000 * basis.value('overhead_s'):.1f}) ms"),
        Need("memory", replicas.all * basis.value("rss_bytes") / GIB, "GiB",
             "replicas x the largest process seen"),
        *_storage(demand, basis, replicas),
        Need("headroom", 100 * (most_per_s / demand.rate_per_s - 1), "%",
             f"up to {most_per_s:.0f}/s: the rate at the CPU target with one replica gone"),
        *_cost(demand, basis, replicas),
    ]  # fmt: skip
    kept, promise = _promise(demand, basis)
    return Plan([*needs, *promise], kept, _warnings(demand, basis), most_per_s)


def cpu_target() -> float:
    """Return the share of a core a replica may be used to, of targets.toml."""
    return next(one.target for one in load_targets().resource if one.name == "cpu")


def _replicas(demand: Demand, basis: Basis, in_flight: float) -> _Replicas:
    held = math.ceil(in_flight / (cpu_target() * demand.max_in_flight))
    if basis.profile == "embedded":
        return _Replicas(0, 1, True)
    if basis.profile == "postgres":
        return _Replicas(0, max(_enough(demand, basis, 1.0), held) + SPARE, True)
    share = basis.value("api_share")
    workers = max(_enough(demand, basis, 1 - share), held) + SPARE
    return _Replicas(_enough(demand, basis, share) + SPARE, workers, False)


def _enough(demand: Demand, basis: Basis, share: float) -> int:
    """Return how many replicas of a role with *share* of the CPU keep it at its target each."""
    return max(1, math.ceil(demand.rate_per_s / basis.rate_per_s(cpu_target() / share)))


def _replica_needs(demand: Demand, replicas: _Replicas, basis: Basis) -> list[Need]:
    how = f"each within {100 * cpu_target():.0f} % of a core, + {SPARE}"
    if basis.profile == "embedded":
        return [Need("processes", replicas.workers, "", "one SQLite file: 1 is all there can be")]
    if replicas.together:
        return [Need("replicas", replicas.workers, "", how)]
    share = basis.value("api_share")
    of_role = (("API", replicas.api, share), ("worker", replicas.workers, 1 - share))
    return [
        Need(f"{role} replicas", count, "",
             f"{part * basis.cores(demand.rate_per_s / (count - SPARE)):.2f} cores each, {how}")
        for role, count, part in of_role
    ]  # fmt: skip


def _storage(demand: Demand, basis: Basis, replicas: _Replicas) -> list[Need]:
    # A byte of payload more is one more in the row and one more in the log of it.
    further = demand.payload_bytes - basis.value("payload_bytes")
    a_day = demand.rate_per_s * DAY_S
    needs = []
    if "disk_bytes" in basis.factors:
        each = max(demand.payload_bytes, basis.value("disk_bytes") + further)
        disk = each * a_day / GIB
        kept = disk * demand.retention_days
        needs += [
            Need("disk a day", disk, "GiB", f"{each:.0f} bytes a webhook, indexes in it"),
            Need("disk kept", kept, "GiB", f"{demand.retention_days:g} days of retention"),
        ]
    if basis.profile == "embedded":
        return needs
    if "wal_bytes" in basis.factors:
        each = max(demand.payload_bytes, basis.value("wal_bytes") + further)
        needs.append(
            Need("WAL a day", each * a_day / GIB, "GiB", f"{each:.0f} bytes a webhook")
        )  # fmt: skip
    commits = basis.value("commits") * demand.rate_per_s
    # With batches it grows slower than the rate: an upper bound.
    needs.append(Need("commits", commits, "a second", "at most: batches grow with the rate"))
    connections = basis.value("database_connections")
    scheduler = 0 if replicas.together else 1
    needs.append(
        Need("database connections", connections * (replicas.all + scheduler), "",
             f"{connections:.3g} a process")
    )  # fmt: skip
    if basis.profile == "cluster":
        deepest = next(one.limit for one in load_targets().resource if one.name == "queue-depth")
        each = demand.payload_bytes + basis.value("message_bytes")
        needs.append(
            Need("RabbitMQ memory", deepest * each / GIB, "GiB",
                 f"at the limit of {deepest:,.0f} in the queue; {basis.value('message_bytes'):.0f} "
                 "bytes of each are assumed, not measured: at most, up to 100 share a message")
        )  # fmt: skip
    return needs


def _capacity_per_s(basis: Basis, replicas: _Replicas) -> float:
    """Return the rate that CPU allows when one replica is gone."""
    if basis.profile == "embedded":
        parts = [(1.0, 1)]
    elif replicas.together:
        parts = [(1.0, replicas.workers - SPARE)]
    else:
        share = basis.value("api_share")
        parts = [(share, replicas.api - SPARE), (1 - share, replicas.workers - SPARE)]
    return min(count * basis.rate_per_s(cpu_target() / part) for part, count in parts if part)


def _cost(demand: Demand, basis: Basis, replicas: _Replicas) -> list[Need]:
    """Return the price of a million webhooks, where prices are told."""
    if demand.price_core_hour is None:
        return []
    cores = float(replicas.all)
    an_hour = cores * demand.price_core_hour
    told = f"{cores:.0f} cores"
    if demand.price_gb_month is not None and "disk_bytes" in basis.factors:
        further = demand.payload_bytes - basis.value("payload_bytes")
        each = max(demand.payload_bytes, basis.value("disk_bytes") + further)
        stored = each * demand.rate_per_s * DAY_S * demand.retention_days / GIB
        an_hour += stored * demand.price_gb_month / HOURS_A_MONTH
        told += f" and {stored:.0f} GiB"
    million = 1e6 * an_hour / (demand.rate_per_s * 3600)
    how = f"{told}; the CPU of PostgreSQL and RabbitMQ is not in it"
    return [Need("cost of a million", million, "in the prices' currency", how)]


def _promise(demand: Demand, basis: Basis) -> tuple[bool | None, list[Need]]:
    if "waiting_p95_s" not in basis.factors:
        return None, []
    p95_s = basis.value("waiting_p95_s") + demand.receiver_s
    how = (
        f"sent to received as measured at {basis.waited_at_per_s:.0f}/s, the rate nearest to the "
        "demand, and the receiver's time"
    )
    return p95_s <= demand.p95_s, [Need("p95 to delivered", 1000 * p95_s, "ms", how)]


def _warnings(demand: Demand, basis: Basis) -> list[str]:
    found = []
    highest = basis.rates_per_s[1]
    if demand.rate_per_s > 2 * highest:
        found.append(
            f"the demand is {demand.rate_per_s / highest:.1f} times the highest rate measured "
            f"({highest:.0f}/s): measure nearer to it"
        )
    if basis.profile == "embedded" and basis.cores(demand.rate_per_s) > cpu_target():
        found.append("more than one process can do: take the profile postgres or cluster")
    assumed = [one.name for one in basis.factors.values() if not one.measured]
    if basis.profile == "cluster" and assumed:
        found.append(f"assumed, not measured: {', '.join(assumed)}")
    return found
