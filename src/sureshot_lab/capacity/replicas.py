"""How many replicas a demand needs, by CPU and by what they hold, and what rate those hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sureshot_lab.capacity.basis import Basis
from sureshot_lab.capacity.demand import Demand
from sureshot_lab.targets import load_targets

SPARE = 1
"""N+1: one replica may be gone, by a crash or a roll-out, and the rest still does it."""


@dataclass(frozen=True)
class Replicas:
    """So many of each role. ``together``: one process is API and worker; ``schedulers`` beside."""

    api: int
    workers: int
    together: bool
    schedulers: int = 0

    @property
    def sure_workers(self) -> int:
        """Those that are left while the spare one is gone."""
        return max(1, self.workers - SPARE)

    @property
    def sure_api(self) -> int:
        """Those that are left while the spare one is gone; none where workers are API, too."""
        return max(0, self.api - SPARE)

    @property
    def serving(self) -> int:
        """Every process that needs a core."""
        return self.workers if self.together else self.api + self.workers

    @property
    def all(self) -> int:
        """Every process that takes memory and connections."""
        return self.serving + self.schedulers


@dataclass(frozen=True)
class Capacity:
    """The rate that what is planned holds with one replica gone, and what ends it there."""

    rate_per_s: float
    by: str


def cpu_target() -> float:
    """Return the share of a core a replica may be used to, of targets.toml."""
    return next(one.target for one in load_targets().resource if one.name == "cpu")


def replicas_for(demand: Demand, basis: Basis) -> Replicas:
    """Return the least replicas that keep every one within its target, and a spare one."""
    if basis.profile == "embedded":
        return Replicas(0, 1, True)
    in_flight = basis.in_flight(demand.rate_per_s, demand.receiver_s)
    held = math.ceil(in_flight / (cpu_target() * demand.slots))
    if basis.profile == "postgres":
        return Replicas(0, max(_enough(demand, basis, 1.0), held) + SPARE, True)
    share = basis.value("api_share")
    workers = max(_enough(demand, basis, 1 - share), held) + SPARE
    return Replicas(_enough(demand, basis, share) + SPARE, workers, False, schedulers=1)


def _enough(demand: Demand, basis: Basis, share: float) -> int:
    """Return how many replicas of a role with *share* of the CPU keep it at its target each."""
    return max(1, math.ceil(demand.rate_per_s / _at_target_per_s(demand, basis, share)))


def _at_target_per_s(demand: Demand, basis: Basis, share: float) -> float:
    return basis.sure_rate_per_s(cpu_target() / share, demand.payload_bytes)


def capacity_of(demand: Demand, basis: Basis, replicas: Replicas) -> Capacity:
    """Return what CPU and slots at their target allow when one replica is gone.

    No replica is counted on for more than 10 % above the highest rate measured.
    """
    workers = replicas.sure_workers
    share = 0.0 if replicas.together else basis.value("api_share")
    roles = [(share, replicas.sure_api), (1 - share, workers)]
    by_cpu = min(count * _at_target_per_s(demand, basis, part) for part, count in roles if part)
    by_rate = min(count * basis.most_per_s for part, count in roles if part)
    held_s = demand.receiver_s + basis.value("overhead_s")
    by_slots = workers * cpu_target() * demand.slots / held_s if held_s else math.inf
    if by_slots < by_cpu:
        return Capacity(by_slots, "slots at their target")
    measured = f"{basis.most_per_s:.0f}/s a replica, hardly more than was measured"
    return Capacity(by_cpu, measured if by_cpu == by_rate else "CPU at its target")
