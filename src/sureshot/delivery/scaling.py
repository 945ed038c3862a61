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
from sureshot.delivery.heartbeat import Heartbeat
from sureshot.delivery.progress import Progress, Risen
from sureshot.domain.scaling.advisor import Advice, Advisor, Observation
from sureshot.domain.scaling.decision import Rules
from sureshot.ports import Census, Clock, Peer
from sureshot.telemetry.logging import get_logger

EVERY_S = 1.0
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


class Scaling:
    """Advice for each role: ``api`` and ``worker``, or ``replica`` where processes do both."""

    def __init__(
        self,
        plan: ScalingPlan,
        clock: Clock,
        backlog: Backlog,
        paused: Callable[[], bool],
    ) -> None:
        self._plan = plan
        self._clock = clock
        self.backlog = backlog
        self._paused = paused
        self._seen_s = -math.inf
        self._progress = Progress()
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
        risen = self._progress.risen(census, now_s)
        peers = [one.peer for one in risen]
        depth = max(0, _depth(peers) + (census.carry if self._plan.brokered else 0))
        limit = self._plan.queue_limit * (1 if self._plan.brokered else max(1, len(peers)))
        overflowed = 0 if first else self._overflowed(full=depth >= FULL * limit)
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
        self, role: str, group: Sequence[Risen], elapsed_s: float, came: float, depth: int
    ) -> Advice:
        if role not in self._advisors:
            self._advisors[role] = Advisor(
                self._plan.rules, self._plan.start_per_s, slots=self._plan.slots,
                # Workers do nothing but deliver: their CPU shows in what they can do.
                by_cpu=role != "worker",
            )  # fmt: skip
        work = tuple(one.work for one in group if one.work is not None)
        # What an API process does is done when it is stored: nothing waits for another one.
        waiting, held = (0, False) if role == "api" else (depth + self._overflow, self._paused())
        return self._advisors[role].observe(
            Observation(self._seen_s, elapsed_s, len(group), came, work, waiting, held)
        )

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


def _depth(peers: Sequence[Peer]) -> int:
    return sum(peer.beat.published - peer.beat.taken for peer in peers)


def _grouped(risen: Sequence[Risen], *, brokered: bool) -> dict[str, list[Risen]]:
    """Return the processes by what they scale as; schedulers do not: any number will do."""
    alike = [one for one in risen if one.peer.beat.role == "all"]
    workers = [one for one in risen if one.peer.beat.role == "worker"]
    if alike or not brokered:
        return {"replica": alike + workers}
    api = [one for one in risen if one.peer.beat.role == "api"]
    return {"api": api, "worker": workers}
