"""Policies side by side: every trace played under each of them, and what that comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from sureshot_lab.scaling.deployment import Site
from sureshot_lab.scaling.keda import Trigger
from sureshot_lab.scaling.policies import (
    HpaOnCpu,
    KedaOnDepth,
    Policy,
    Sureshot,
    SureshotByKeda,
)
from sureshot_lab.scaling.traces import make_trace
from sureshot_lab.scaling.trial import Outcome, play

QUEUE_LENGTH = 250.0
"""Leases for each replica: what the ScaledObject on Prometheus in the manifests asks for."""
OURS = Sureshot.name
BY_KEDA = SureshotByKeda.name
"""The same advice as ``manifests/components/keda`` acts on it."""
SAME_COST = 1.001
"""A cost that differs by less than a thousandth is the same."""
SAME_LATE = 1e-4
"""So is lateness that differs by less than one webhook in ten thousand."""


@dataclass(frozen=True)
class Mean:
    """One policy on one trace, over several draws: sums are means, times and counts the worst."""

    trace: str
    policy: str
    draws: int
    late_webhook_s: float
    late_share: float
    replica_s: float
    up_s: float
    down_s: float
    overshoot: int
    flaps: int


@dataclass(frozen=True)
class Against:
    """Ours by another policy: shares of its lateness (None where it had none) and its cost.

    ``later``: by how much the share of webhooks that are late is higher than with it.
    ``ours``: which of the two ways to act on the service's advice.
    """

    trace: str
    policy: str
    late: float | None
    later: float
    cost: float
    ours: str = OURS


def policies(site: Site, queue_length: float) -> list[Callable[[], Policy]]:
    """Return what makes each policy, fresh."""
    return [
        lambda: HpaOnCpu(site),
        lambda: KedaOnDepth(site, Trigger(queue_length)),
        lambda: Sureshot(site),
        lambda: SureshotByKeda(site),
    ]


def play_all(
    name: str, seeds: Sequence[int], site: Site, queue_length: float = QUEUE_LENGTH
) -> Iterator[list[Outcome]]:
    """Play the trace *name* under every policy; yield one policy's outcomes, one for each seed."""
    traces = [make_trace(name, seed) for seed in seeds]
    if any(trace.judged_from_s for trace in traces):
        # Days of history make it long; one draw of it says as much as another.
        traces = traces[:1]
    for make in policies(site, queue_length):
        yield [play(make(), trace, site) for trace in traces]


def mean(outcomes: Sequence[Outcome]) -> Mean:
    """Return what *outcomes* of one policy on one trace come to."""
    return Mean(
        trace=outcomes[0].trace,
        policy=outcomes[0].policy,
        draws=len(outcomes),
        late_webhook_s=fmean(one.late_webhook_s for one in outcomes),
        late_share=fmean(one.late_share for one in outcomes),
        replica_s=fmean(one.replica_s for one in outcomes),
        up_s=max(one.up_s for one in outcomes),
        down_s=max(one.down_s for one in outcomes),
        overshoot=max(one.overshoot for one in outcomes),
        flaps=max(one.flaps for one in outcomes),
    )


def against(means: Sequence[Mean]) -> list[Against]:
    """Return ours, both ways, held against every policy that is not, trace by trace."""
    return [
        _against(own, other)
        for way in (OURS, BY_KEDA)
        for other in means
        if other.policy not in {OURS, BY_KEDA}
        for own in means
        if (own.policy, own.trace) == (way, other.trace)
    ]


def _against(own: Mean, other: Mean) -> Against:
    late = own.late_webhook_s / other.late_webhook_s if other.late_webhook_s else None
    later = own.late_share - other.late_share
    cost = own.replica_s / other.replica_s
    return Against(other.trace, other.policy, late, later, cost, own.policy)


def verdict(found: Sequence[Against]) -> list[str]:
    """Return in sentences where ours is late more, or costs more, and where neither."""
    told = []
    for ours, policy in dict.fromkeys((one.ours, one.policy) for one in found):
        here = [one for one in found if (one.ours, one.policy) == (ours, policy)]
        later = [one.trace for one in here if one.later > SAME_LATE]
        dearer = [f"{one.trace} ({one.cost - 1:+.1%})" for one in here if one.cost > SAME_COST]
        late = "nowhere later" if not later else f"later on {', '.join(later)}"
        cost = "nowhere dearer" if not dearer else f"dearer on {', '.join(dearer)}"
        told.append(f"{ours} against {policy}: {late}, {cost}.")
    return told
