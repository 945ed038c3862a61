"""A search that is over becomes a result: the capacity, how sure it is, and what broke."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sureshot_lab.analysis.findings import findings
from sureshot_lab.result import Conditions, RunResult, Sample, Verdict
from sureshot_lab.runs.measure import bounded_latency_of, percentiles_of
from sureshot_lab.runs.outcome import gates_of
from sureshot_lab.runs.search_run import SearchRun
from sureshot_lab.runs.unread import unread_findings
from sureshot_lab.runs.verdict import Evidence, decide
from sureshot_lab.sampler.summary import summarise
from sureshot_lab.scenario import Scenario
from sureshot_lab.targets import hold, load_targets


def result_of_search(
    run_id: str, scenario: Scenario, conditions: Conditions, done: SearchRun,
    samples: Sequence[Sample], unread: Sequence[str] = (), *, stopped: bool,
) -> RunResult:  # fmt: skip
    """Return the result of a search; its latencies are those of the best step that kept all."""
    kept = [step for step in done.steps if not step.broken]
    best = max(kept, key=lambda step: step.rate_per_s, default=None)
    submission = bounded_latency_of(best.offered.latencies_us) if best else None
    metrics = {**summarise(samples), **done.metrics()}
    if best is not None and submission is not None:
        metrics |= percentiles_of("submission", submission)
        metrics["end_to_end_p95_s"] = best.end_to_end_p95_s
    gates = hold(gates_of(scenario), metrics)
    verdict, reasons = decide(_evidence(done, metrics, unread, stopped=stopped), gates)
    if verdict is Verdict.PASS and done.search.at_most:
        reasons.append("the highest rate allowed was kept: there may be more")
    reasons += [
        f"a search ended at {step.rate_per_s:,.0f}/s by the generator's doing: there may be more"
        for step in done.by_generator()
    ]
    if done.wrk_problem:
        reasons.append(f"there is no cross-check by wrk: {done.wrk_problem}")
    result = RunResult(
        id=run_id,
        scenario=scenario.name,
        title=scenario.title,
        verdict=verdict,
        reasons=reasons,
        gates=gates,
        conditions=conditions,
        metrics=metrics,
        latencies={"submission": submission} if submission else {},
        intervals=done.intervals(),
        samples=list(samples),
        phases=done.phases(),
        errors=done.errors(),
        tables=[done.table()],
        partial=stopped,
    )
    found = [*findings(result), *unread_findings(unread)]
    return msgspec.structs.replace(result, findings=found)


def _evidence(
    done: SearchRun, metrics: dict[str, float], unread: Sequence[str], *, stopped: bool
) -> Evidence:
    """Return what tells whether the answer is the service's.

    A rate counts as kept only when all of it was offered. Where the search ended by the
    generator's doing, what that dropped and used of its core is told.
    """
    ended = done.by_generator()
    sent = int(metrics["requests"])
    dropped = sum(step.offered.dropped for step in ended)
    return Evidence(
        intended=sent + dropped,
        sent=sent,
        accepted=int(metrics["accepted"]),
        dropped=dropped,
        generator_share=max((step.generator_share for step in ended), default=0.0),
        own_lag_p99_s=done.own_lag_p99_s,
        # So late that its lateness alone breaks the promise a step is held to.
        lag_limit_s=load_targets().gate("api-latency").limit,
        steal_share=metrics.get("host_steal_share", 0.0),
        ledger_gap=done.ledger_gap,
        stopped_early=stopped,
        unread=unread,
    )
