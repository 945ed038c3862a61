"""A load that is over becomes a result: figures, gates, verdict, findings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

import sureshot_lab
from sureshot_lab.analysis.findings import findings
from sureshot_lab.analysis.leak import leak_tests
from sureshot_lab.machine import describe, revision
from sureshot_lab.report.figures import figure, limit, unit_of
from sureshot_lab.result import Conditions, Gate, RunResult, Table
from sureshot_lab.runs.load_run import LoadRun
from sureshot_lab.runs.measure import latency_of
from sureshot_lab.runs.needs import not_applied
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.overload import overload_of
from sureshot_lab.runs.recovered import recovered
from sureshot_lab.runs.site import Site
from sureshot_lab.runs.unread import unread_findings
from sureshot_lab.runs.verdict import Evidence, decide, main_error
from sureshot_lab.sampler.summary import summarise
from sureshot_lab.scenario import Behaviour, Scenario
from sureshot_lab.sink.ledger_file import read_ledger
from sureshot_lab.sink.sink_result import latencies_of
from sureshot_lab.targets import hold, load_targets

ADDRESSES = frozenset({"database_url", "queue_url"})
FLOORS = frozenset({">", ">="})
UNASKED = frozenset({"lost", "pending"})


def gates_of(scenario: Scenario) -> list[Gate]:
    """Return everything the scenario is held to in its environment, not measured yet."""
    targets = load_targets()
    gates = [targets.gate(name) for name in scenario.gates.targets] + scenario.own_gates()
    return [_scaled(gate, scenario.share) for gate in gates]


def _scaled(gate: Gate, share: float) -> Gate:
    """Return *gate* as asked of an environment with so large a *share* of production.

    It is asked for that share of a rate or count that must be reached, because no more is
    offered. What must not be passed is promised at any rate, and stays.
    """
    unit = gate.unit or unit_of(gate.metric)
    floor = gate.comparison in FLOORS and gate.limit > 0
    if share == 1.0 or not floor or not (unit == "count" or "per_" in unit):
        return gate
    title = f"{gate.title or gate.name} ({figure(share, 'share')} of {limit(gate)})"
    return msgspec.structs.replace(gate, limit=gate.limit * share, title=title)


def conditions_of(
    scenario: Scenario, options: Options, site: Site | None, engine: str,
    started_at: datetime, tools: dict[str, str],
) -> Conditions:  # fmt: skip
    """Return under what circumstances the run took place."""
    return Conditions(
        started_at=started_at,
        finished_at=datetime.now(UTC),
        scenario=scenario.name,
        size=scenario.size,
        engine=engine,
        environment=options.environment,
        target=options.target or "own service",
        seed=scenario.payload.seed,
        revision=revision(),
        lab_version=sureshot_lab.__version__,
        machine=describe(),
        service=_service(scenario, options, site),
        tools=tools,
        production=options.means_it,
        options=_options(scenario),
    )


def result_of(
    run_id: str, scenario: Scenario, conditions: Conditions, done: LoadRun, restarts: int,
    tables: Sequence[Table] = (), *, stopped: bool = False,
) -> RunResult:  # fmt: skip
    """Return the result of one load."""
    sampled = summarise(done.samples, done.phases, delivered=done.found.found.delivered)
    metrics = {
        **sampled,
        **done.service_metrics,
        **done.measured.metrics,
        "pending": float(done.found.pending),
        "service_restarts": float(restarts),
    }
    metrics |= _of_healthy(scenario, done) | recovered(scenario.load, done)
    metrics |= busiest_generator(sampled, max(done.offered.cpu_shares, default=0.0))
    overload = overload_of(scenario.load, done.measured.intervals)
    metrics |= overload.metrics
    if done.broken:
        # Nobody was asked where the rest is: it may wait in a service that is gone.
        metrics = {name: value for name, value in metrics.items() if name not in UNASKED}
    result = RunResult(
        id=run_id,
        scenario=scenario.name,
        title=scenario.title,
        verdict=decide(_evidence(done, metrics, stopped=stopped), [])[0],
        reasons=[],
        gates=[],
        conditions=conditions,
        metrics=metrics,
        latencies=done.measured.latencies,
        intervals=done.measured.intervals,
        samples=done.samples,
        phases=done.phases,
        events=done.events,
        errors=done.offered.errors,
        tables=[*tables, *overload.tables],
        partial=stopped or bool(done.broken),
    )
    return _judged(result, scenario, done, stopped=stopped)


def _judged(result: RunResult, scenario: Scenario, done: LoadRun, *, stopped: bool) -> RunResult:
    """Return *result* with what follows from all of its figures together."""
    leaks = [one for one in leak_tests(result) if one.leaking and not one.growth.is_backlog]
    metrics = {**result.metrics, "leaks": float(len(leaks))}
    gates = hold(gates_of(scenario), metrics)
    verdict, reasons = decide(_evidence(done, metrics, stopped=stopped), gates)
    error = main_error(done.offered.errors, done.offered.sent)
    if error and verdict != "PASS":
        reasons.insert(0, error)
    judged = msgspec.structs.replace(
        result, metrics=metrics, gates=gates, verdict=verdict, reasons=reasons
    )
    found = [*findings(judged), *unread_findings(done.unread)]
    return msgspec.structs.replace(judged, findings=found)


def _evidence(done: LoadRun, metrics: dict[str, float], *, stopped: bool) -> Evidence:
    offered = done.offered
    return Evidence(
        intended=offered.intended,
        sent=offered.sent,
        accepted=offered.accepted,
        dropped=offered.dropped,
        generator_share=metrics["generator_cpu_share"],
        own_lag_p99_s=metrics.get("generator_lag_p99_s", 0.0),
        steal_share=metrics.get("host_steal_share", 0.0),
        ledger_gap=_ledger_gap(done),
        stopped_early=stopped or offered.stopped_early,
        unread=done.unread,
        broken=done.broken,
    )


def _ledger_gap(done: LoadRun) -> str:
    """Return why not every webhook can be told to have arrived or not; empty when it can."""
    if done.received.incomplete:
        return done.received.reason
    if done.found.unnamed > 0:
        return f"{done.found.unnamed} of {done.offered.accepted} answers with 202 told no id"
    return ""


def busiest_generator(sampled: dict[str, float], told: float) -> dict[str, float]:
    """Return the CPU share of the busiest generator, at its peak where that was sampled.

    What it has *told* of itself is the mean of the whole load, in which a short peak is lost.
    """
    return {"generator_cpu_share": max(told, sampled.get("generator_cpu_share", 0.0))}


def _of_healthy(scenario: Scenario, done: LoadRun) -> dict[str, float]:
    """Return the delivery latency of the endpoints that behave, where some do not."""
    count = scenario.endpoints.count
    troubled = troubled_endpoints(scenario.sink.behaviour, count)
    if not troubled or len(troubled) == count or done.received.incomplete:
        return {}
    healthy = [index for index in range(count) if index not in troubled]
    latency = latency_of(latencies_of(read_ledger(done.received.ledger), healthy))
    if latency is None:
        return {}
    return {
        "healthy_end_to_end_p50_s": latency.p50_s,
        "healthy_end_to_end_p95_s": latency.p95_s,
        "healthy_end_to_end_p99_s": latency.p99_s,
    }


def troubled_endpoints(behaviours: Sequence[Behaviour], count: int) -> set[int]:
    """Return the indexes that have a behaviour: they are assigned from the first on."""
    return set(range(min(count, round(sum(one.share for one in behaviours) * count))))


def _service(scenario: Scenario, options: Options, site: Site | None) -> dict[str, Any]:
    told: dict[str, Any] = {"version": site.version if site else "", "url": options.target or ""}
    if options.target is not None and not_applied(scenario):
        told["not_applied"] = not_applied(scenario)
    if options.target is None:
        plan = scenario.service
        told |= {
            "profile": plan.profile,
            "store": "SQLite" if plan.profile == "embedded" else "PostgreSQL",
            "queue": "RabbitMQ" if plan.profile == "cluster" else "memory",
            "durability": "committed and synced before 202",
            # An address of a database may hold a password.
            "settings": {k: v for k, v in plan.settings.items() if k not in ADDRESSES},
        }
        if plan.profile != "embedded":
            told |= {"api": plan.api, "workers": plan.workers}
    return told


def _options(scenario: Scenario) -> dict[str, Any]:
    load = msgspec.to_builtins(scenario.load)
    return {
        "load": load,
        "payload": msgspec.to_builtins(scenario.payload),
        "receivers": [msgspec.to_builtins(one) for one in scenario.sink.behaviour],
        "endpoints": msgspec.to_builtins(scenario.endpoints),
        "faults": msgspec.to_builtins(scenario.fault),
    }


def new_run_id(scenario: Scenario, suffix: str) -> str:
    """Return a name for a run that sorts by time: ``20260102-030405-spike-1a2b``."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{scenario.name}-{suffix}"
