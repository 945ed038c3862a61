"""The baseline of one user: every route in turn, and whether what it submitted arrived."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass

import msgspec
from hdrh.histogram import HdrHistogram

from sureshot_lab.load.offer import DIGITS, HIGHEST_US, LOWEST_US
from sureshot_lab.result import Conditions, Interval, Phase, RunResult, Sample, Verdict
from sureshot_lab.runs.measure import bounded_latency_of, percentiles_of
from sureshot_lab.runs.outcome import busiest_generator, gates_of
from sureshot_lab.runs.progress import Progress
from sureshot_lab.runs.routes import RouteCaller, RouteTimes
from sureshot_lab.runs.site import Site
from sureshot_lab.runs.unread import unread_findings
from sureshot_lab.runs.verdict import Evidence, decide
from sureshot_lab.sampler.summary import summarise
from sureshot_lab.scenario import Scenario
from sureshot_lab.sink.reconciliation import Reconciliation, reconcile
from sureshot_lab.sink.sink_result import SinkResult
from sureshot_lab.targets import hold

SUBMISSION = "POST /api/v1/webhooks"


@dataclass(frozen=True, kw_only=True)
class RoutesRun:
    """What one user saw of every route."""

    times: RouteTimes
    received: SinkResult
    found: Reconciliation
    samples: list[Sample]
    lasted_s: float
    unread: list[str]


async def run_routes(
    site: Site, scenario: Scenario, progress: Progress, stop: asyncio.Event
) -> RoutesRun:
    """Call every route for the scenario's duration with one client."""
    load = scenario.load
    secret = secrets.token_hex(24)
    await site.sink.know_secrets({0: secret})
    client = site.client
    caller = RouteCaller(client.url, client.token, client.admin_token, site.sink.url(0), secret)
    progress.enter("load", "one user, every route")
    began_s = time.time()
    running = asyncio.create_task(caller.run(load.warm_up_s, load.duration_s))
    while not running.done():
        caller.stopping = stop.is_set()
        _show(progress, caller, time.time() - began_s)
        await asyncio.wait([running], timeout=1.0)
    times = await running
    lasted_s = time.time() - began_s
    progress.enter("drain")
    await site.empty(scenario.drain_s, stop)
    received = await site.sink.finish(began_s)
    samples = await site.samples_since(began_s)
    for endpoint in caller.endpoints:
        await site.client.delete_endpoint(endpoint)
    return RoutesRun(
        times=times,
        received=received,
        found=reconcile(times.accepted_ids, received),
        samples=samples,
        lasted_s=lasted_s,
        unread=site.sampler.problems,
    )


def result_of_routes(
    run_id: str, scenario: Scenario, conditions: Conditions, done: RoutesRun, *, stopped: bool
) -> RunResult:
    """Return the result: a table of routes, and the gates on submission and arrival."""
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for seconds in done.times.seconds.get(SUBMISSION, []):
        histogram.record_value(max(1, round(seconds * 1e6)))
    submission, end_to_end = (
        bounded_latency_of(histogram),
        bounded_latency_of(done.received.latencies_us),
    )
    latencies = {"submission": submission, "end_to_end": end_to_end}
    phases = [Phase(name="load", start_s=scenario.load.warm_up_s, end_s=done.lasted_s)]
    sampled = summarise(done.samples, phases)
    metrics = _metrics(done) | sampled | busiest_generator(sampled, done.times.cpu_share)
    for name, latency in latencies.items():
        if latency is not None:
            metrics |= percentiles_of(name, latency)
    gates = hold(gates_of(scenario), metrics)
    calls = int(metrics["requests"])
    evidence = Evidence(
        intended=calls,
        sent=calls,
        accepted=int(metrics["accepted"]),
        dropped=0,
        generator_share=metrics["generator_cpu_share"],
        steal_share=metrics.get("host_steal_share", 0.0),
        ledger_gap=done.received.reason,
        stopped_early=stopped,
        unread=done.unread,
    )
    verdict, reasons = decide(evidence, gates)
    wrong = sum(done.times.wrong.values())
    if wrong and verdict is not Verdict.INVALID:
        verdict = Verdict.FAIL
        reasons.insert(0, f"{wrong} calls were not answered as they should be; see the table")
    return RunResult(
        id=run_id,
        scenario=scenario.name,
        title=scenario.title,
        verdict=verdict,
        reasons=reasons,
        gates=gates,
        conditions=conditions,
        metrics=metrics,
        latencies={name: one for name, one in latencies.items() if one is not None},
        samples=done.samples,
        phases=phases,
        tables=[done.times.table()],
        findings=unread_findings(done.unread),
        partial=stopped,
    )


def _metrics(done: RoutesRun) -> dict[str, float]:
    calls = sum(len(times) for times in done.times.seconds.values())
    found, submitted = done.found, done.times.submitted
    return {
        "requests": float(calls),
        "failed_requests": float(sum(done.times.wrong.values())),
        "accepted": float(found.accepted),
        "delivered": float(found.delivered),
        "lost": float(len(found.lost)),
        "success_share": found.delivered / submitted if submitted else 0.0,
        "bad_signatures": float(done.received.bad_signatures),
        "duplicates": float(done.received.duplicates),
    }


def _show(progress: Progress, caller: RouteCaller, elapsed_s: float) -> None:
    calls = sum(len(times) for times in list(caller.times.seconds.values()))
    second = Interval(at_s=elapsed_s, intended=0, sent=calls, succeeded=calls, failed=0)
    progress.second(msgspec.structs.replace(second, at_s=max(0.0, elapsed_s - 1)))
