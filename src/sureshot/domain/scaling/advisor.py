"""The advisor: watches a role second by second, and says at any time how many replicas it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sureshot.domain.scaling.behaviour import Stabiliser
from sureshot.domain.scaling.capacity import START_PER_S, Capacity
from sureshot.domain.scaling.decision import Decision, Need, Rules, decide
from sureshot.domain.scaling.demand import DAY_S, LEAD_S, Demand
from sureshot.domain.scaling.returns import Returns

WAITS_S = 0.5
"""Work waits when the queue holds more than so many seconds of what is done; a fraction of
a second's worth is always under way between two heartbeats."""
EXTRA_S = 60.0
"""What was added to work off a queue goes again after so long, not after ``down_after_s``."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a role did in the last *elapsed_s*, and how things stand at its end.

    ``arrived`` and ``done`` are webhooks, ``slots`` is the share of the replicas' slots that
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
    oldest_s: float = 0.0
    cpu: float | None = None
    held: bool = False


@dataclass(frozen=True, slots=True)
class Advice:
    """How many replicas there are and are wanted, the reasons, and what they rest on."""

    current: int
    wanted: int
    exactly: float
    reasons: tuple[str, ...]
    need: Need
    capacity_learned: bool


class Advisor:
    """One role's. ``advice`` is the latest; None until something was seen."""

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
        self._extra = Stabiliser(down_s=min(EXTRA_S, rules.down_after_s))
        self._waited = 0.0
        self.advice: Advice | None = None

    def observe(self, seen: Observation) -> Advice:
        """Take in *seen* and return what follows."""
        # Two looks in a row: heartbeats are a moment apart, and what one process has
        # published and another not yet told it took looks like waiting.
        waiting = 0.0 if seen.held else min(seen.waiting, self._waited)
        self._waited = seen.waiting
        saturated = waiting * seen.elapsed_s > max(1.0, WAITS_S * seen.done)
        if not seen.held:
            self._demand.observe(seen.elapsed_s, seen.arrived)
            busy = 1.0 if saturated else max(seen.slots, seen.cpu or 0.0)
            self._capacity.observe(seen.elapsed_s, seen.replicas, seen.done, busy)
            self._returns.observe(
                seen.at_s, seen.elapsed_s, seen.replicas, seen.done, saturated=saturated
            )
        need = Need(
            seen.replicas, self._demand.per_s, self._demand.forecast_per_s(),
            self._capacity.per_s, waiting if saturated else 0.0, seen.oldest_s, seen.cpu,
        )  # fmt: skip
        self.advice = self._advice(seen, need)
        return self.advice

    def _advice(self, seen: Observation, need: Need) -> Advice:
        rules = self._rules
        if seen.held:
            kept = min(max(seen.replicas, rules.least), rules.most)
            decision = Decision(kept, kept, kept, ("sending is paused: all stays as it is",))
        else:
            decision = self._capped(seen.at_s, decide(need, rules))
        wanted = max(
            self._lasting.steady(seen.at_s, seen.replicas, decision.steady),
            self._extra.steady(seen.at_s, seen.replicas, decision.wanted),
        )
        wanted = min(max(wanted, rules.least), rules.most)
        reasons = decision.reasons
        if wanted > decision.wanted:
            reasons += (
                f"{decision.wanted} would do now; shrinks to the most needed in the last "
                f"{rules.down_after_s:g} s",
            )
        return Advice(
            seen.replicas, wanted, decision.exactly, reasons, need, self._capacity.learned
        )

    def _capped(self, now_s: float, decision: Decision) -> Decision:
        ceiling = self._returns.ceiling(now_s)
        if ceiling is None or decision.wanted <= ceiling:
            return decision
        return replace(
            decision,
            wanted=max(ceiling, self._rules.least),
            steady=min(decision.steady, max(ceiling, self._rules.least)),
            reasons=(*decision.reasons, self._returns.reason),
        )
