"""A trial: one policy on one trace, and the figures that tell policies apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sureshot_lab.scaling.deployment import Deployment, Site
from sureshot_lab.scaling.policies import Policy
from sureshot_lab.scaling.traces import Trace

FLAP_S = 600.0
"""Going back within so long is a flap."""
ROOM = 0.7
"""A replica used to less than this share is not needed: what an HPA at 70 % would keep."""


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    ``late_webhook_s``: seconds that webhooks waited beyond the objective, added up;
    ``late_share`` of them waited longer than it. ``up_s``: the longest time with fewer
    ready replicas than the rate needs, ``down_s``: with more than it needs at 70 %.
    ``overshoot``: the most replicas above what the highest rate needs at 70 %.
    ``flaps``: changes of direction within ten minutes.
    """

    policy: str
    trace: str
    late_webhook_s: float
    late_share: float
    replica_s: float
    up_s: float
    down_s: float
    overshoot: int
    flaps: int
    replicas: list[int]
    ready: list[int]
    depth: list[float]


def play(policy: Policy, trace: Trace, site: Site) -> Outcome:
    """Let *policy* steer a deployment under *trace*."""
    deployment = Deployment(site, _roomy(trace.per_s[0], site))
    replicas, ready, depth = [], [], []
    before = (0.0, 0.0, 0.0)
    for second, arrived in enumerate(trace.arrivals.tolist()):
        if second == trace.judged_from_s:
            before = (deployment.late_s, deployment.late, deployment.replica_s)
        seen = deployment.step(arrived)
        replicas.append(deployment.replicas)
        ready.append(seen.ready)
        depth.append(seen.depth)
        deployment.scale(policy.wanted(seen))
    judged = slice(trace.judged_from_s, None)
    needed = [math.ceil(one / site.capacity_per_s) for one in trace.per_s[judged].tolist()]
    bounded = [_roomy(one, site) for one in trace.per_s[judged].tolist()]
    return Outcome(
        policy=policy.name,
        trace=trace.name,
        late_webhook_s=deployment.late_s - before[0],
        late_share=(deployment.late + deployment.depth - before[1])
        / max(1, int(trace.arrivals[judged].sum())),
        replica_s=deployment.replica_s - before[2],
        up_s=longest([a < b for a, b in zip(ready[judged], needed, strict=True)]),
        down_s=longest([a > b for a, b in zip(replicas[judged], bounded, strict=True)]),
        overshoot=max(0, max(replicas[judged]) - max(bounded)),
        flaps=flaps(replicas[judged]),
        replicas=replicas[judged],
        ready=ready[judged],
        depth=depth[judged],
    )


def _roomy(per_s: float, site: Site) -> int:
    return min(max(math.ceil(per_s / site.capacity_per_s / ROOM), site.least), site.most)


def longest(states: Sequence[bool]) -> float:
    """Return how many steps the longest run of True has."""
    best = run = 0
    for state in states:
        run = run + 1 if state else 0
        best = max(best, run)
    return float(best)


def flaps(replicas: Sequence[int]) -> int:
    """Return how often the number turned its direction within ten minutes."""
    changes = np.diff(np.asarray(replicas))
    count, direction, at = 0, 0, -math.inf
    for second in np.flatnonzero(changes).tolist():
        now = 1 if changes[second] > 0 else -1
        count += direction == -now and second - at < FLAP_S
        direction, at = now, second
    return count
