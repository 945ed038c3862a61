"""PASS, FAIL or INVALID: what a run proves, and whether it proves anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sureshot_lab.analysis.rules.validity import (
    ACHIEVED_SHARE,
    GENERATOR_SHARE,
    LATE_S,
    OTHER_SECOND_S,
    STEAL_SHARE,
)
from sureshot_lab.report.figures import figure, limit, measured
from sureshot_lab.result import ErrorCount, Gate, Verdict
from sureshot_lab.runs.unread import why_unread

PROOF_OF_LOSS = "lost"
"""One webhook missing from a complete ledger is proof, however the load was offered."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What tells whether a run's figures mean something.

    ``generator_share``: of the busiest generator process, CPU by wall time. ``own_lag_p99_s``:
    how late the generator got to an arrival, whatever the service did, 0 when not known;
    beyond ``lag_limit_s`` it is a doubt of its own.
    ``ledger_gap``: why the ledger is not complete; empty when it is.
    ``unread``: what the sampler could not read, as it says so itself. ``broken``:
    why the run ended before its time, unless it was ``stopped_early``.
    """

    intended: int
    sent: int
    accepted: int
    dropped: int
    generator_share: float
    steal_share: float
    own_lag_p99_s: float = 0.0
    lag_limit_s: float = OTHER_SECOND_S
    ledger_gap: str = ""
    stopped_early: bool = False
    unread: Sequence[str] = ()
    broken: str = ""


def decide(evidence: Evidence, gates: Sequence[Gate]) -> tuple[Verdict, list[str]]:
    """Return the verdict and every reason for it, the weightiest first."""
    broken = [gate for gate in gates if gate.passed is False]
    doubts = [*_doubts(evidence), *_late_by_itself(evidence, broken)]
    lost = [gate for gate in broken if gate.name == PROOF_OF_LOSS]
    if lost and not evidence.ledger_gap:
        return Verdict.FAIL, [*map(gate_told, broken), *doubts]
    # A run that ended early has not measured what it would have: that goes without saying.
    empty = [] if evidence.stopped_early or evidence.broken else _empty(evidence, gates)
    if doubts:
        return Verdict.INVALID, [*doubts, *map(gate_told, broken), *empty]
    if broken:
        return Verdict.FAIL, list(map(gate_told, broken))
    if empty:
        return Verdict.INVALID, empty
    return Verdict.PASS, [f"all {len(gates)} gates hold"]


def main_error(errors: Sequence[ErrorCount], sent: int) -> str:
    """Return the commonest error of a run in words, or nothing."""
    if not errors:
        return ""
    worst = max(errors, key=lambda error: error.count)
    told = f"{worst.count} of {sent} submissions ended in {worst.what}"
    if worst.what in {"status 401", "status 403"}:
        told += ": the token is not one of this service's"
    return told


def _doubts(evidence: Evidence) -> list[str]:
    doubts = []
    if evidence.broken:
        doubts.append(f"the run broke off: {evidence.broken}")
    elif evidence.stopped_early:
        doubts.append("the run was stopped before its end")
    if not evidence.sent:
        doubts.append("not one request was sent")
    if evidence.dropped:
        doubts.append(f"{evidence.dropped} arrivals were dropped: latencies are better than true")
    if evidence.sent < ACHIEVED_SHARE * evidence.intended:
        share = evidence.sent / evidence.intended
        doubts.append(f"only {share:.1%} of the intended load was offered")
    if evidence.generator_share > GENERATOR_SHARE:
        doubts.append(
            f"the generator used {evidence.generator_share:.0%} of its core: the limit was its own"
        )
    if evidence.steal_share > STEAL_SHARE:
        doubts.append(f"the host took {evidence.steal_share:.1%} of the CPU away")
    if evidence.ledger_gap:
        doubts.append(f"the ledger is not complete: {evidence.ledger_gap}")
    return doubts


def _late_by_itself(evidence: Evidence, broken: Sequence[Gate]) -> list[str]:
    """Return that the generator was late, where that could have changed the verdict.

    Its lateness is part of every latency, so that one kept in spite of it is kept. One
    missed may be the generator's own doing; what no time explains stays a FAIL. Very
    late arrivals are another load than the one that was meant.
    """
    lag_s = evidence.own_lag_p99_s
    only_times = bool(broken) and all(gate.unit == "s" for gate in broken)
    if lag_s <= (LATE_S if only_times else evidence.lag_limit_s):
        return []
    return [
        f"the generator was late by itself: it got to one arrival in 100 more than "
        f"{figure(lag_s, 's')} after its time, whatever the service did"
    ]


def _empty(evidence: Evidence, gates: Sequence[Gate]) -> list[str]:
    """Return why gates that hold would prove nothing."""
    reasons = [
        f"{_title(gate)} was not measured{why_unread(gate.metric, evidence.unread)}"
        for gate in gates
        if gate.passed is None
    ]
    if not evidence.accepted:
        reasons.append("not one webhook was accepted, so none could be lost")
    if not gates:
        reasons.append("the scenario has no gate, so nothing was asked")
    return reasons


def gate_told(gate: Gate) -> str:
    """Return the reason that a broken *gate* is: its value, and the limit it missed."""
    return f"{_title(gate)}: {measured(gate)}, not {limit(gate)}"


def _title(gate: Gate) -> str:
    return gate.title or gate.name
