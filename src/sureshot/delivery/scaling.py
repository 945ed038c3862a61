"""How many replicas the deployment needs, from what all its processes tell in their heartbeats.

Every process that listens to the census comes to nearly the same answer, so anyone may be
asked. What a process learns is gone with it; until it has watched for ``down_after_s`` it
advises no one to shrink.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sureshot.config import Settings
from sureshot.delivery.backlog import Backlog
from sureshot.delivery.heartbeat import SILENT_S, Heartbeat
from sureshot.domain.scaling.advisor import Advice, Advisor, Observation
from sureshot.domain.scaling.decision import Rules
from sureshot.ports import Beat, Census, Clock, Peer
from sureshot.telemetry.logging import get_logger

EVERY_S = 1.0
CPU_OVER_S = 15.0
REMEMBERS_S = 600.0
FULL = 0.7
"""A queue this full is about to overflow into the store, or has."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class ScalingPlan:
    """The rules, what a replica is taken to do at first, its slots, and the queue it has.

    ``brokered``: API and workers scale apart; else all processes are alike.
    """

    rules: Rules
    start_per_s: float
    slots: int
    queue_limit: int
    brokered: bool


def scaling_plan(settings: Settings) -> ScalingPlan:
    """Return what *settings* say; a SQLite file is one process's, so there at most one."""
    most = 1 if settings.embedded else settings.scaling_max
    return ScalingPlan(
        Rules(
            least=min(settings.scaling_min, most),
            most=most,
            target=settings.scaling_target,
            drain_s=settings.scaling_drain_s,
            down_after_s=settings.scaling_down_after_s,
        ),
        settings.scaling_start_rate,
        settings.max_in_flight,
        settings.queue_limit,
        brokered=settings.queue_url != "memory://",
    )


@dataclass(frozen=True, slots=True)
class _Risen:
    """How far a process has come since the observation before."""

    peer: Peer
    published: int
    taken: int


class Scaling:
    """Advice for each role: ``api`` and ``worker``, or ``replica`` where processes do both."""

    def __init__(
        self,
        plan: ScalingPlan,
        clock: Clock,
        backlog: Backlog,
        paused: Callable[[], bool],
        role: str,
        cpu_s: Callable[[], float] | None = None,
    ) -> None:
        """*cpu_s* tells this process's CPU time; of the others' nobody hears.

        *role* is this process's, whose CPU stands for that of all who do the same.
        """
        self._plan = plan
        self._clock = clock
        self.backlog = backlog
        self._paused = paused
        self._role = role
        self._cpu_s = cpu_s
        self._cpu_before_s = 0.0 if cpu_s is None else cpu_s()
        self._cpu = 0.0
        self._seen_s = -math.inf
        self._beats: dict[str, tuple[Beat, float]] = {}
        self._free = 0
        self._overflow = 0
        self._advisors: dict[str, Advisor] = {}
        self.advice: dict[str, Advice] = {}

    @property
    def rules(self) -> Rules:
        """The rules the advice follows."""
        return self._plan.rules

    def follow(self, heartbeat: Heartbeat) -> None:
        """Observe every census *heartbeat* brings from now on, after whoever heard it before."""
        before = heartbeat.on_census

        def heard(census: Census) -> None:
            before(census)
            try:
                self.observe(census)
            except Exception:
                # A mistake in what is only advice must not silence the heartbeat.
                log.exception("scaling.failed")

        heartbeat.on_census = heard
        self.observe(heartbeat.census)

    def observe(self, census: Census) -> None:
        """Take in *census*; sooner than a second after the one before it changes nothing."""
        now_s = self._clock.monotonic()
        elapsed_s = now_s - self._seen_s
        if elapsed_s < EVERY_S * 0.99:
            return
        first, self._seen_s = math.isinf(elapsed_s), now_s
        elapsed_s = EVERY_S if first else elapsed_s
        peers = [peer for peer in census.peers if peer.silent_s < SILENT_S]
        risen = [self._rise(peer, first=first) for peer in peers]
        self._remember(peers)
        depth = max(0, _depth(peers) + (census.carry if self._plan.brokered else 0))
        limit = self._plan.queue_limit * (1 if self._plan.brokered else max(1, len(peers)))
        overflowed = 0 if first else self._overflowed(full=depth >= FULL * limit)
        self._learn_cpu(elapsed_s)
        groups = _grouped(risen, brokered=self._plan.brokered)
        self.advice = {
            role: self._advise(
                role,
                group,
                elapsed_s,
                # Retries are published by schedulers: they are no work of the API's.
                sum(one.published for one in (group if role == "api" else risen)) + overflowed,
                depth,
            )
            for role, group in groups.items()
        }

    def _advise(
        self, role: str, group: Sequence[_Risen], elapsed_s: float, came: float, depth: int
    ) -> Advice:
        if role not in self._advisors:
            self._advisors[role] = Advisor(self._plan.rules, self._plan.start_per_s)
        ours = {"api": "api", "worker": "worker", "replica": "all"}[role] == self._role
        cpu = self._cpu if ours and self._cpu_s is not None else None
        replicas = len(group)
        if role == "api":
            # Its work is done when it is stored: nothing waits that another one could take.
            seen = Observation(self._seen_s, elapsed_s, replicas, came, came, cpu=cpu)
        else:
            taken = sum(one.taken for one in group)
            in_flight = sum(one.peer.beat.in_flight for one in group)
            seen = Observation(
                self._seen_s, elapsed_s, replicas, came, taken,
                slots=in_flight / (replicas * self._plan.slots) if replicas else 0.0,
                waiting=depth + self._overflow, cpu=cpu, held=self._paused(),
            )  # fmt: skip
        return self._advisors[role].observe(seen)

    def _rise(self, peer: Peer, *, first: bool) -> _Risen:
        """Return what *peer* did since; all it ever did if it is new, nothing the first time."""
        beat = peer.beat
        if first:
            return _Risen(peer, 0, 0)
        if peer.owner not in self._beats:
            return _Risen(peer, beat.published, beat.taken)
        before, _seen_s = self._beats[peer.owner]
        return _Risen(peer, beat.published - before.published, beat.taken - before.taken)

    def _remember(self, peers: Sequence[Peer]) -> None:
        """Keep everybody's counters, for a while also of those who fell silent and may be back."""
        since_s = self._seen_s - REMEMBERS_S
        kept = {owner: one for owner, one in self._beats.items() if one[1] > since_s}
        self._beats = kept | {peer.owner: (peer.beat, self._seen_s) for peer in peers}

    def _overflowed(self, *, full: bool) -> int:
        """Return how many webhooks a full queue has just sent to the store instead.

        Only then do rows nobody leased tell of work that workers could do: at other times
        they wait for their next attempt, or for a lane that is closed.
        """
        grown, self._free = self.backlog.free - self._free, self.backlog.free
        if not full:
            self._overflow = 0
            return 0
        self._overflow = max(0, self._overflow + grown)
        return max(0, grown)

    def _learn_cpu(self, elapsed_s: float) -> None:
        if self._cpu_s is None:
            return
        used_s = self._cpu_s() - self._cpu_before_s
        self._cpu_before_s += used_s
        weight = 1 - math.exp(-elapsed_s / CPU_OVER_S)
        self._cpu += weight * (used_s / elapsed_s - self._cpu)


def _depth(peers: Sequence[Peer]) -> int:
    return sum(peer.beat.published - peer.beat.taken for peer in peers)


def _grouped(risen: Sequence[_Risen], *, brokered: bool) -> dict[str, list[_Risen]]:
    """Return the processes by what they scale as; schedulers do not: any number will do."""
    alike = [one for one in risen if one.peer.beat.role == "all"]
    workers = [one for one in risen if one.peer.beat.role == "worker"]
    if alike or not brokered:
        return {"replica": alike + workers}
    api = [one for one in risen if one.peer.beat.role == "api"]
    return {"api": api, "worker": workers}
