"""Where the time goes, whether it stays that way, and how soon it is well after a fault."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from sureshot_lab.analysis.recovery import recovery
from sureshot_lab.analysis.rules.finding import Rule, Severity, finding
from sureshot_lab.analysis.under_load import seconds_under_load, stayed_the_same
from sureshot_lab.analysis.warm_up import steady_state, warm_up_of
from sureshot_lab.analysis.wording import change, number, percent, told
from sureshot_lab.result import Finding, RunResult

STALL = 20.0
"""A p99 so many times the median is not the same work taking longer: something stood still."""
STALL_S = 0.050
LARGE_PART = 0.5


def stalls(result: RunResult) -> Iterator[Finding]:
    """Tell of seconds that hold most of the slow requests."""
    latency = result.latencies.get("submission")
    if latency is None or latency.p99_s < max(STALL_S, STALL * latency.p50_s):
        return
    timed = [(one.at_s, one.p99_s) for one in result.intervals if one.p99_s is not None]
    if not timed:
        return
    usual_s = median(p99_s for _at_s, p99_s in timed)
    stalled = [at_s for at_s, p99_s in timed if p99_s >= max(STALL_S, 5 * usual_s)]
    when = ", ".join(f"{at_s:.0f}" for at_s in stalled[:8]) or "no second in particular"
    yield finding(
        Severity.WARNING,
        "Submissions stall now and then",
        f"p99 is {told(latency.p99_s, 's')}, {number(latency.p99_s / latency.p50_s)} times the "
        f"median of {told(latency.p50_s, 's')}. {len(stalled)} of {len(timed)} seconds hold the "
        f"slowest: {when}.",
        "Compare these seconds with the samples: a checkpoint or a slow sync of the store, garbage "
        "collection, or another process of the machine.",
    )


def waiting_to_be_sent(result: RunResult) -> Iterator[Finding]:
    """Tell the part of a latency that a closed generator would have hidden."""
    whole, sent = result.latencies.get("submission"), result.latencies.get("submission_service")
    if whole is None or sent is None or whole.p99_s < STALL_S:
        return
    waited_s = whole.p99_s - sent.p99_s
    if waited_s > LARGE_PART * whole.p99_s:
        yield finding(
            Severity.NOTE,
            "Requests waited for those before them",
            f"p99 is {told(whole.p99_s, 's')} from the intended time and {told(sent.p99_s, 's')} "
            f"from the moment of sending.",
            "Users wait for both: judge by the first. The second is what a generator shows that "
            "waits for each answer.",
        )


def where_the_time_goes(result: RunResult) -> Iterator[Finding]:
    """Tell which part of the way to the receiver takes more than half of it."""
    metrics = result.metrics
    whole_s = metrics.get("end_to_end_p95_s")
    if not whole_s or whole_s < STALL_S:
        return
    parts = {
        "queue_latency_p95_s": (
            "Webhooks wait in the queue",
            "Add workers, or look for lanes that a slow endpoint holds up.",
        ),
        "delivery_duration_p95_s": (
            "Receivers are slow",
            "Nothing in the service makes them faster; an in-flight cap for each endpoint keeps "
            "them from holding up the others.",
        ),
        "submission_p95_s": (
            "Accepting takes most of the time",
            "Look at the commit time of the store and at the CPU of the API.",
        ),
    }
    for metric, (what, advice) in parts.items():
        part_s = metrics.get(metric)
        if part_s is not None and part_s > LARGE_PART * whole_s:
            yield finding(
                Severity.NOTE,
                what,
                f"p95 of that part is {told(part_s, 's')}, of the whole way {told(whole_s, 's')} "
                f"({percent(part_s / whole_s)}).",
                advice,
            )


def drift(result: RunResult) -> Iterator[Finding]:
    """Tell when latency changes under a load that does not."""
    if not stayed_the_same(result):
        return
    seconds = seconds_under_load(result)
    warm_up = warm_up_of(seconds)
    if not warm_up.settled:
        return  # told as a run that never came to rest
    kept = [one for one in seconds if one.at_s - seconds[0].at_s >= warm_up.drop_s]
    series = [one.p95_s for one in kept if one.p95_s is not None]
    state = steady_state(series)
    if len(series) < 20 or state.steady:
        return
    yield finding(
        Severity.WARNING,
        "Latency drifts under a steady load",
        f"The p95 of submissions changes by {change(state.drift)} over {len(series)} s.",
        "Run several times as long: if it goes on, look for what grows with time (the tables, "
        "the queue, memory).",
    )


def recovery_from_faults(result: RunResult) -> Iterator[Finding]:
    """Tell how long each thing done to the service was felt."""
    seconds = seconds_under_load(result)
    for event in result.events:
        found = recovery(seconds, event.at_s)
        if found is None:
            continue
        well = found.after_s is not None
        yield finding(
            Severity.NOTE if well else Severity.CRITICAL,
            f"{event.what}: {'recovered' if well else 'not recovered'}",
            f"{found.reason[:1].upper()}{found.reason[1:]}.",
            "" if well else "Offer the load for longer to see whether it recovers at all.",
        )


RULES: tuple[Rule, ...] = (
    stalls,
    waiting_to_be_sent,
    where_the_time_goes,
    drift,
    recovery_from_faults,
)
