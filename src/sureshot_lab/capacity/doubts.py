"""Where a plan goes beyond what was measured, and says so."""

from __future__ import annotations

from sureshot_lab.analysis.wording import size
from sureshot_lab.capacity.basis import Basis
from sureshot_lab.capacity.demand import Demand
from sureshot_lab.capacity.replicas import cpu_target

FULL = 0.95
"""From this share of the machine's CPU on, what was measured is a service short of it."""
LARGER = 4.0
"""A payload may lie so many times above the largest one measured."""


def doubts(demand: Demand, basis: Basis) -> list[str]:
    """Return a sentence for each thing that *basis* does not tell of *demand*."""
    found = [*_of_rate(demand, basis), *_of_payload(demand, basis)]
    if basis.value("host_cpu_share") > FULL:
        found.append(
            "the machine had no CPU to spare when this was measured: batches grow then, and on a "
            "quiet one a webhook costs more"
        )
    target = cpu_target()
    if basis.profile == "embedded" and (
        basis.cores(demand.rate_per_s, demand.payload_bytes) > target
        or basis.in_flight(demand.rate_per_s, demand.receiver_s) > target * demand.slots
    ):
        found.append(
            f"more than {100 * target:.0f} % of a core or of the slots of one process, and there "
            f"can be one only: take the profile postgres or cluster"
        )
    assumed = [one.name for one in basis.factors.values() if not one.measured]
    if basis.profile != "cluster":
        assumed = [name for name in assumed if name not in {"api_share", "message_bytes"}]
    if assumed:
        found.append(f"assumed, not measured: {', '.join(assumed)}")
    return found


def _of_rate(demand: Demand, basis: Basis) -> list[str]:
    highest = basis.rates_per_s[1]
    if demand.rate_per_s <= basis.most_per_s:
        return []
    return [
        f"the demand is {demand.rate_per_s / highest:.1f} times the highest rate measured "
        f"({highest:.0f}/s): beyond it CPU may be 15 % off and more, and a replica is counted on "
        f"for {basis.most_per_s:.0f}/s at most, measure nearer to it"
    ]


def _of_payload(demand: Demand, basis: Basis) -> list[str]:
    largest = basis.payloads_bytes[1]
    if demand.payload_bytes <= LARGER * largest:
        return []
    told = size(demand.payload_bytes)
    return [
        f"payloads of {told} are {demand.payload_bytes / largest:.0f} times the largest measured "
        f"({size(largest)}): CPU, replicas, headroom and memory may be far off, measure with "
        f"--measure --payload"
    ]
