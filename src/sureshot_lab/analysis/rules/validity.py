"""Whether the figures of a run can be believed."""

from __future__ import annotations

from collections.abc import Iterator

from sureshot_lab.analysis.littles_law import littles_law_of
from sureshot_lab.analysis.rules.finding import Rule, Severity, finding
from sureshot_lab.analysis.under_load import seconds_under_load, stayed_the_same
from sureshot_lab.analysis.warm_up import warm_up_of
from sureshot_lab.analysis.wording import number, percent, told
from sureshot_lab.result import Finding, RunResult

ACHIEVED_SHARE = 0.99
GENERATOR_SHARE = 0.80
STEAL_SHARE = 0.05
"""Beyond these a run is INVALID (``runs.verdict``)."""
LATE_S = 0.010
"""The generator's own lateness (p99) that can turn a kept limit into a missed one.

A tenth of the tightest limit there is on a latency that has it in (``api-latency``).
"""
OTHER_SECOND_S = 1.0
"""So late (p99) that one arrival in 100 was part of another second's load."""
BEYOND = 100
"""A percentile rests on the values beyond it: with fewer it is a matter of luck."""


def load_not_offered(result: RunResult) -> Iterator[Finding]:
    """Tell when the generator sent less than it was meant to."""
    metrics = result.metrics
    intended, sent = metrics.get("offered_per_s"), metrics.get("achieved_per_s")
    dropped = metrics.get("dropped_requests", 0)
    if dropped:
        yield finding(
            Severity.CRITICAL,
            "Arrivals were dropped: latencies are better than the truth",
            f"{number(dropped)} of {number(metrics.get('requests', 0) + dropped)} arrivals were "
            f"never sent, because those before them had not been answered.",
            "Let the generator have more requests under way (`load.worst_s`, "
            "`load.generators`), or offer less.",
        )
    elif intended and sent is not None and sent < ACHIEVED_SHARE * intended:
        evidence = f"{told(sent, 'per_s')} were sent of {told(intended, 'per_s')} intended."
        if metrics.get("generator_lag_p99_s", LATE_S + 1) <= LATE_S:
            yield finding(
                Severity.WARNING,
                "The service held the load up",
                f"{evidence} The generator was on time; every connection waited for an answer.",
                "See what the service waits for, or offer less: the waiting is in the latencies.",
            )
            return
        yield finding(
            Severity.CRITICAL,
            "The intended load was not offered",
            evidence,
            "See what held the generator up; every rate of this run is a lower bound.",
        )


def generator_late(result: RunResult) -> Iterator[Finding]:
    """Tell when the generator's own lateness is part of the latency."""
    lag_s = result.metrics.get("generator_lag_p99_s", 0.0)
    if lag_s > LATE_S:
        yield finding(
            Severity.CRITICAL if lag_s > OTHER_SECOND_S else Severity.WARNING,
            "The generator was late by itself",
            f"It got to one arrival in 100 more than {told(lag_s, 's')} after its time.",
            "See what else used the CPU, or add a generator (`load.generators`); latencies are "
            "better than this run tells.",
        )


def generator_at_its_limit(result: RunResult) -> Iterator[Finding]:
    """Tell when the generator's own CPU is part of the latency."""
    share = result.metrics.get("generator_cpu_share", 0.0)
    if share <= GENERATOR_SHARE:
        return
    achieved = result.metrics.get("achieved_per_s", 0.0)
    within = achieved * GENERATOR_SHARE / share
    yield finding(
        Severity.CRITICAL,
        "The generator was at its own limit",
        f"Its busiest process used {percent(share)} of a core at {told(achieved, 'per_s')}.",
        f"Offer at most {told(within, 'per_s')} with so many generators, or add one "
        f"(`load.generators`).",
    )


def host_takes_cpu_away(result: RunResult) -> Iterator[Finding]:
    """Tell when other guests of the host made every figure worse."""
    share = result.metrics.get("host_steal_share", 0.0)
    if share > STEAL_SHARE:
        yield finding(
            Severity.CRITICAL,
            "The host took CPU away",
            f"{percent(share)} of the CPU time went to other guests of the host.",
            "Measure on a machine that is not shared, or repeat and compare in turns.",
        )


def measurements_disagree(result: RunResult) -> Iterator[Finding]:
    """Tell when in flight is not throughput times time."""
    law = littles_law_of(result)
    if law is not None and not law.consistent:
        yield finding(
            Severity.WARNING,
            "Two measurements disagree (Little's law)",
            f"{law.reason[:1].upper()}{law.reason[1:]}.",
            "Do not rely on latency or on in-flight of this run before it is known which is wrong.",
        )


def not_warmed_up(result: RunResult) -> Iterator[Finding]:
    """Tell when the beginning is not what lasts."""
    if not stayed_the_same(result):
        return
    warm_up = warm_up_of(seconds_under_load(result))
    if not warm_up.drop_s:
        return
    if warm_up.settled:
        severity, what = Severity.NOTE, "The run begins with a warm-up"
        advice = f"Set `load.warm_up_s` {warm_up.drop_s:.0f} s higher to leave it out."
    else:
        severity, what = Severity.WARNING, "The run never came to rest"
        advice = f"Offer the load for {4 * warm_up.drop_s:.0f} s or more."
    yield finding(severity, what, f"{warm_up.reason[:1].upper()}{warm_up.reason[1:]}.", advice)


def too_few_for_a_percentile(result: RunResult) -> Iterator[Finding]:
    """Tell when a 99th percentile is a handful of requests."""
    latency = result.latencies.get("submission")
    if latency is None or latency.count * 0.01 >= BEYOND:
        return
    beyond = round(latency.count * 0.01)
    yield finding(
        Severity.NOTE,
        "The 99th percentile rests on few requests",
        f"Of {latency.count:,} requests {beyond} are beyond it.",
        f"Make {100 * BEYOND:,} requests or more, or judge by the median of several runs.",
    )


def settings_of_its_own(result: RunResult) -> Iterator[Finding]:
    """Tell when a target ran with other settings than the scenario's service would have."""
    left_out = result.conditions.service.get("not_applied")
    if left_out:
        yield finding(
            Severity.WARNING,
            "The scenario's settings were not applied",
            f"{result.conditions.target} has settings of its own; a service of the laboratory's "
            f"would have had {left_out}.",
            "Give the target the same settings (`SURESHOT_<NAME>`), or read the gates with that "
            "in mind.",
        )


RULES: tuple[Rule, ...] = (
    settings_of_its_own,
    load_not_offered,
    generator_late,
    generator_at_its_limit,
    host_takes_cpu_away,
    measurements_disagree,
    not_warmed_up,
    too_few_for_a_percentile,
)
