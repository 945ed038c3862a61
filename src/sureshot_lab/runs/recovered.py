"""How long it took until all was well after the last fault, or after the highest load."""

from __future__ import annotations

from sureshot_lab.analysis.deliveries import backlog_gone_s, delivery_seconds
from sureshot_lab.analysis.recovery import QUIET_S, recovery
from sureshot_lab.result import Interval
from sureshot_lab.runs.faults import Disturbance
from sureshot_lab.runs.load_run import LoadRun
from sureshot_lab.scenario import Load
from sureshot_lab.sink.fates import fates_of
from sureshot_lab.sink.ledger_file import read_ledger
from sureshot_lab.targets import load_targets

NEVER_S = 3600.0
"""What did not recover within a run is told as an hour."""
SHARP = 3.0
"""A load that rises to so many times its lowest is a disturbance of its own."""


def recovered(load: Load, done: LoadRun) -> dict[str, float]:
    """Return entries of a run's ``metrics``, in seconds since the disturbance let go.

    ``recovery_s``: submissions are answered as quickly as before, and what is accepted from
    then on is delivered as quickly as before, or as promised. ``backlog_gone_s``: the last of
    what was submitted before has been delivered. Empty when nothing disturbed the run, or
    nothing can be said.
    """
    span = done.disturbance or _highest_load(load)
    if span is None or done.broken:
        return {}
    offered = [one for one in done.measured.intervals if one.intended]
    found = _back_to_normal(offered, span)
    if done.received.incomplete:
        return found
    fates = fates_of(read_ledger(done.received.ledger), done.offered.started_at_s)
    promised_s = load_targets().gate("delivery-latency").limit
    later = _back_to_normal(delivery_seconds(offered, fates), span, promised_s)
    if found and later:
        found = max(found, later, key=lambda one: one["recovery_s"])
    gone_s = None if done.found.pending else backlog_gone_s(fates, span.let_go_s)
    return found | {"backlog_gone_s": NEVER_S if gone_s is None else round(gone_s, 3)}


def _back_to_normal(
    seconds: list[Interval], span: Disturbance, quiet_s: float = QUIET_S
) -> dict[str, float]:
    found = recovery(seconds, span.began_s, span.let_go_s, quiet_s=quiet_s)
    if found is None:
        return {}
    return {"recovery_s": NEVER_S if found.after_s is None else round(found.after_s, 3)}


def _highest_load(load: Load) -> Disturbance | None:
    peak = load.peak_per_s
    lowest = min(min(start, end) for _s, start, end in load.stages)
    if peak < SHARP * max(lowest, 1.0):
        return None
    now_s, began_s, ended_s = 0.0, None, 0.0
    for seconds, start, end in load.stages:
        if max(start, end) == peak:
            began_s = now_s if began_s is None else began_s
            ended_s = now_s + seconds
        now_s += seconds
    return None if began_s is None or ended_s >= now_s else Disturbance(began_s, ended_s)
