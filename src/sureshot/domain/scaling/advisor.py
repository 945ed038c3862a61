"""The advisor: watches a role second by second, and says at any time how many replicas it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sureshot.domain.scaling.behaviour import Stabiliser
from sureshot.domain.scaling.capacity import START_PER_S, Capacity
from sureshot.domain.scaling.decision import Decision, Need, Rules, decide
from sureshot.domain.scaling.demand import DAY_S, LEAD_S, Demand
from sureshot.domain.scaling.returns import Returns

WAITS_S = 0.5
"""Work waits when the queue holds more than so many seconds of what is done: a fraction of a
second's worth is always under way between the heartbeats of those who put and those who take."""
FEWEST = 20.0
"""Nor do so few webhooks wait: where little comes heartbeats are a whole second apart."""
EXTRA_S = 30.0
"""What was added for a forecast or to work off a queue may go again after so long."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a role did in the last *elapsed_s*, and how things stand at its end.

    ``arrived`` and ``done`` are webhooks, ``slots`` is the share of its replicas' slots that
    are taken, ``cpu`` the share of a core one of them used, if known. ``held``: nothing is
    sent on purpose, so what waits says nothing.
    """

    at_s: float
    elapsed_s: float
    replicas: int
    arrived: float
    done: float
    slots: float = 0.0
    waiting: float = 0.0
    cpu: float | None = None
    held: bool = False


@dataclass(frozen=True, slots=True)
class Advice:
    """How many replicas there are and are wanted, why, and what that rests on."""

    current: int
    wanted: int
    exactly: float
    reasons: tuple[str, ...]
    need: Need
    capacity_learned: bool


class Advisor:
    """Advises on one role."""

    def __init__(
        self,
        rules: Rules,
        start_per_s: float = START_PER_S,
        *,
        lead_s: float = LEAD_S,
        day_s: float = DAY_S,
    ) -> None:
        """*start_per_s*: what a replica is taken to do until it was seen; *lead_s*: its start."""
        self._rules = rules
        self._demand = Demand(lead_s, day_s)
        self._capacity = Capacity(start_per_s)
        self._returns = Returns()
        self._lasting = Stabiliser(down_s=rules.down_after_s)
        self._passing = Stabiliser(down_s=min(EXTRA_S, rules.down_after_s))
        self._waited = 0.0

    def observe(self, seen: Observation) -> Advice:
        """Take in *seen* and return what follows."""
        waiting = self._waits(seen)
        saturated = waiting > 0
        if not seen.held:
            self._demand.observe(seen.elapsed_s, seen.arrived)
            busy = 1.0 if saturated else max(seen.slots, seen.cpu or 0.0)
            self._capacity.observe(seen.elapsed_s, seen.replicas, seen.done, busy)
            self._returns.observe(
                seen.at_s, seen.elapsed_s, seen.replicas, seen.done, saturated=saturated
            )
        wait_s = waiting * seen.elapsed_s / seen.done if seen.done else 0.0
        need = Need(
            seen.replicas, self._demand.per_s, self._demand.forecast_per_s,
            self._capacity.per_s, waiting, wait_s, seen.cpu,
        )  # fmt: skip
        return self._steadied(seen, need, self._decide(seen, need))

    def _waits(self, seen: Observation) -> float:
        """Return how much waits, 0 when that is no more than what is always under way.

        What two observations in a row agree on: heartbeats are a moment apart, and what
        one process has put and another not yet told that it took looks like waiting.
        """
        waiting, self._waited = min(seen.waiting, self._waited), seen.waiting
        usual = max(FEWEST, WAITS_S * seen.done / seen.elapsed_s)
        return 0.0 if seen.held or waiting <= usual else waiting

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
        wanted = min(max(lasting, passing, rules.least), rules.most)
        reasons = decision.reasons
        if wanted > decision.wanted:
            reasons += (
                f"{decision.wanted} would do now; {wanted} were needed in the last "
                f"{rules.down_after_s:g} s",
            )
        return Advice(
            seen.replicas, wanted, decision.exactly, reasons, need, self._capacity.learned
        )
