"""The advisor: watches a role second by second, and says at any time how many replicas it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from sureshot.domain.scaling.behaviour import Stabiliser
from sureshot.domain.scaling.capacity import SLOTS, START_PER_S, Capacity
from sureshot.domain.scaling.decision import Decision, Need, Rules, decide
from sureshot.domain.scaling.demand import DAY_S, LEAD_S, Demand
from sureshot.domain.scaling.pile import Pile
from sureshot.domain.scaling.returns import Returns
from sureshot.domain.scaling.work import Work, mean_cpu

WAITS_S = 0.5
"""Work waits when the queue holds more than so many seconds of what is done: a fraction of a
second's worth is always under way between the heartbeats of those who put and those who take."""
FEWEST = 20.0
"""Nor do so few webhooks wait: where little comes heartbeats are a whole second apart."""
EXTRA_S = 30.0
"""What was added for a forecast or to work off a queue may go again after so long."""
CPU_OVER_S = 15.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What came for a role in the last *elapsed_s*, and how things stand at its end.

    ``work`` is what its replicas told of in that time, each of a time of its own: nothing of
    one whose heartbeat is late. ``waiting`` webhooks are in the queue. ``held``: nothing is
    sent on purpose, so what waits says nothing.
    """

    at_s: float
    elapsed_s: float
    replicas: int
    arrived: float
    work: tuple[Work, ...] = ()
    waiting: float = 0.0
    held: bool = False

    @property
    def done(self) -> float:
        """Webhooks that replicas told they have done."""
        return sum(work.done for work in self.work)


@dataclass(frozen=True, slots=True)
class Advice:
    """How many replicas there are and are wanted, why, and what that rests on.

    ``cpu``: the share of a core that one of them uses, None when nobody tells.
    """

    current: int
    wanted: int
    exactly: float
    reasons: tuple[str, ...]
    need: Need
    capacity_learned: bool
    cpu: float | None


class Advisor:
    """Advises on one role."""

    def __init__(
        self,
        rules: Rules,
        start_per_s: float = START_PER_S,
        *,
        lead_s: float = LEAD_S,
        day_s: float = DAY_S,
        slots: int = SLOTS,
        by_cpu: bool = False,
    ) -> None:
        """*start_per_s*: what a replica is taken to do until it was seen; *lead_s*: its start.

        *slots*: what it has in hand at most. *by_cpu*: it also does what is not counted as
        webhooks done, so CPU itself counts beside them.
        """
        self._rules = rules
        self._demand = Demand(lead_s, day_s)
        self._capacity = Capacity(start_per_s, slots)
        self._pile = Pile()
        self._by_cpu = by_cpu
        self._cpu: float | None = None
        self._began_s: float | None = None
        self._returns = Returns()
        self._lasting = Stabiliser(down_s=rules.down_after_s)
        self._passing = Stabiliser(down_s=min(EXTRA_S, rules.down_after_s))
        self._waited = 0.0

    def observe(self, seen: Observation) -> Advice:
        """Take in *seen* and return what follows."""
        waiting = self._waits(seen)
        lying = self._pile.observe(seen.work, seen.replicas)
        self._follow_cpu(seen)
        if not seen.held:
            self._demand.observe(seen.elapsed_s, seen.arrived)
            self._capacity.observe(seen.work, waits=waiting > 0)
            waiting += lying if lying > self._usual(seen) else 0.0
            self._returns.observe(
                seen.at_s, seen.elapsed_s, seen.replicas, seen.done, saturated=waiting > 0
            )
        # Where nobody has told what was done, what replicas can do is the pace.
        pace_per_s = seen.done / seen.elapsed_s or self._capacity.per_s * seen.replicas
        wait_s = waiting / pace_per_s if pace_per_s else 0.0
        need = Need(
            seen.replicas, self._demand.per_s, self._demand.forecast_per_s,
            self._capacity.per_s, waiting, wait_s, self._cpu if self._by_cpu else None,
        )  # fmt: skip
        return self._steadied(seen, need, self._decide(seen, need))

    def _waits(self, seen: Observation) -> float:
        """Return how much waits, 0 when that is no more than what is always under way.

        What two observations in a row agree on: heartbeats are a moment apart, and what
        one process has put and another not yet told that it took looks like waiting.
        """
        waiting, self._waited = min(seen.waiting, self._waited), seen.waiting
        return 0.0 if seen.held or waiting <= self._usual(seen) else waiting

    def _usual(self, seen: Observation) -> float:
        return max(FEWEST, WAITS_S * seen.done / seen.elapsed_s)

    def _follow_cpu(self, seen: Observation) -> None:
        cpu = mean_cpu(seen.work)
        if cpu is not None:
            before = self._cpu or 0.0
            self._cpu = before + (1 - math.exp(-seen.elapsed_s / CPU_OVER_S)) * (cpu - before)

    def _decide(self, seen: Observation, need: Need) -> Decision:
        rules = self._rules
        if seen.held:
            kept = min(max(seen.replicas, rules.least), rules.most)
            return Decision(kept, kept, kept, ("sending is paused: all stays as it is",))
        decision = decide(need, rules)
        ceiling = self._returns.ceiling(seen.at_s)
        if ceiling is None or decision.wanted <= ceiling:
            return decision
        return replace(
            decision,
            wanted=max(ceiling, rules.least),
            lasting=min(decision.lasting, max(ceiling, rules.least)),
            reasons=(*decision.reasons, self._returns.reason),
        )

    def _steadied(self, seen: Observation, need: Need, decision: Decision) -> Advice:
        rules = self._rules
        # The highest wish, however many are ready: one that is still starting was wished for.
        _low, lasting = self._lasting.bounds(seen.at_s, seen.replicas, decision.lasting)
        _low, passing = self._passing.bounds(seen.at_s, seen.replicas, decision.wanted)
        if self._began_s is None:
            self._began_s = seen.at_s
        # Another process may have watched for longer, know of more and have added some
        # meanwhile: until it has a window of its own behind it, this one takes none of them away.
        fewest = seen.replicas if seen.at_s - self._began_s < rules.down_after_s else 0
        needed = max(lasting, passing, rules.least)
        wanted = min(max(needed, fewest), rules.most)
        reasons = decision.reasons
        if wanted > needed:
            reasons += (
                f"{needed} would do, as far as this process has seen; none goes before it has "
                f"watched for {rules.down_after_s:g} s",
            )
        elif wanted > decision.wanted:
            reasons += (
                f"{decision.wanted} would do now; {wanted} were needed in the last "
                f"{rules.down_after_s:g} s",
            )
        return Advice(
            seen.replicas, wanted, decision.exactly, reasons, need, self._capacity.learned,
            self._cpu,
        )  # fmt: skip
