"""What ran out or will, what a webhook costs, and how many processes a load needs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sureshot_lab.analysis.bottleneck import bottleneck
from sureshot_lab.analysis.leak import LeakTest, leak_tests
from sureshot_lab.analysis.resources import Owner
from sureshot_lab.analysis.rules.finding import Rule, Severity, finding
from sureshot_lab.analysis.wording import interval, number, percent, told
from sureshot_lab.result import Finding, RunResult
from sureshot_lab.targets import load_targets

CACHE_HIT = 0.99
SURE_S = 300
"""Growth for so long is no filling up: every buffer of the service is bounded by a setting."""
FIND = (
    "Find what holds on to it: `lab profile` tells what was allocated and lives on; compare the "
    "end with the beginning."
)
RUN_LONGER = (
    "So short a run does not tell a leak from buffers that fill: run it again with at least "
    f"{SURE_S // 60} minutes of the same load before you look for one."
)
FRAMES = 3
SEEN_BY_PROFILE = ("CPU of the service's busiest process", "CPU of the machine")
FULL_CPU = 0.90
"""Share of a core from which work waits for it."""


def what_was_full_first(result: RunResult) -> Iterator[Finding]:
    """Tell the bottleneck, with the use of everything next to it, and the functions it is in.

    Those are of a profile taken with the run; where there is none, a full CPU asks for it.
    """
    verdict = bottleneck(result)
    if not verdict.uses:
        return
    frames = _top_frames(result)
    if verdict.first is None:
        growing = verdict.backlog_per_s is not None
        yield finding(
            Severity.WARNING if growing else Severity.NOTE,
            "The queue grew though nothing was full" if growing else "Nothing was saturated",
            verdict.sentence + frames,
            "Look at in-flight and rate limits, and at how long receivers take." if growing else "",
        )
        return
    resource = verdict.first.resource
    ours = resource.owner in {Owner.SERVICE, Owner.STORE}
    profile = "" if frames or resource.name not in SEEN_BY_PROFILE else _profile_it(result)
    yield finding(
        Severity.WARNING if ours else Severity.CRITICAL,
        f"Bottleneck: {resource.name}",
        verdict.sentence + frames,
        f"{resource.advice[:1].upper()}{resource.advice[1:]}.{profile}",
    )


def _top_frames(result: RunResult) -> str:
    """Return what took most of the service's CPU; empty without a profile of it."""
    table = next((one for one in result.tables if one.name == "functions"), None)
    if table is None or not table.rows:
        return ""
    named = [
        f"{function} ({where}) {own} %" if where else f"{function} {own} %"
        for function, where, own, *_rest in table.rows[:FRAMES]
    ]
    return f" Of the service's own CPU most went into {', '.join(named)}."


def _profile_it(result: RunResult) -> str:
    # A search is no single load, which a profile has to be of.
    scenario = "load" if "capacity_per_s" in result.metrics else result.scenario
    return f" `sureshot lab profile {scenario}` tells which functions it goes into."


def leaks(result: RunResult) -> Iterator[Finding]:
    """Tell of memory and descriptors that grow, and when they are at their limit.

    In a short run what fills and then stops looks like what never stops: only a long one
    calls it a leak.
    """
    for test in leak_tests(result):
        if not test.leaking or test.growth.is_backlog:
            continue
        sure = test.over_s >= SURE_S
        yield finding(
            Severity.CRITICAL if sure else Severity.WARNING,
            f"The {test.growth.what} of the service "
            + ("grows without end" if sure else "grows, or is not full yet"),
            f"{test.reason[:1].upper()}{test.reason[1:]}, for {test.over_s:.0f} s.",
            f"{_until_full(result, test)}{FIND if sure else RUN_LONGER}",
        )


def growing_backlog(result: RunResult) -> Iterator[Finding]:
    """Tell when more is accepted than delivered."""
    grown = [test for test in leak_tests(result) if test.leaking and test.growth.is_backlog]
    if not grown:
        return
    fastest = max(grown, key=lambda test: test.per_s.value)
    done = result.metrics.get("delivered_per_s", 0.0)
    more = ""
    if done:
        share = fastest.per_s.value / done
        more = (
            f" Delivery must be {percent(share)} faster than its {told(done, 'per_s')} to keep up."
        )
    yield finding(
        Severity.WARNING,
        "More is accepted than delivered",
        f"The {fastest.growth.what} grew by {interval(fastest.per_s)} a second.",
        f"Add workers, or let submissions be refused earlier.{more}",
    )


def cost_of_a_webhook(result: RunResult) -> Iterator[Finding]:
    """Tell the CPU a webhook takes, and the rate at which a core is full."""
    cost_us = result.metrics.get("service_cpu_us_per_webhook")
    if not cost_us:
        return
    per_core = FULL_CPU * 1e6 / cost_us
    delivered = result.metrics.get("delivered_per_s")
    needed = ""
    if delivered:
        cores = math.ceil(2 * delivered / per_core)
        needed = (
            f" Twice this run's {told(delivered, 'per_s')} takes {cores} core{'s'[: cores > 1]}."
        )
    yield finding(
        Severity.NOTE,
        f"A webhook costs {told(cost_us, 'us_per_webhook').removesuffix(' a webhook')} of CPU",
        f"One core of this machine does about {told(per_core, 'per_s')} at {percent(FULL_CPU)}.",
        f"Reckon with that for capacity.{needed}",
    )


def over_a_target(result: RunResult) -> Iterator[Finding]:
    """Tell of gauges above their target that no gate asks for."""
    gated = {gate.metric for gate in result.gates}
    for resource in load_targets().resource:
        value = result.metrics.get(resource.metric)
        if value is None or value <= resource.target or resource.metric in gated:
            continue
        alert = value > resource.alert
        yield finding(
            Severity.CRITICAL if value > resource.limit else Severity.WARNING,
            f"{resource.title} above its {'alert' if alert else 'target'}",
            f"{told(value, resource.unit)}; the target is {told(resource.target, resource.unit)}, "
            f"the limit {told(resource.limit, resource.unit)}.",
            f"{percent(1 - resource.target / value)} less of it, by less load or more replicas.",
        )


def database_waits(result: RunResult) -> Iterator[Finding]:
    """Tell of the database's reads from disk and its deadlocks."""
    metrics = result.metrics
    hit = metrics.get("database_cache_hit_share")
    if hit is not None and hit < CACHE_HIT:
        yield finding(
            Severity.WARNING,
            "The database reads from disk",
            f"{percent(hit)} of its blocks came from memory.",
            "Raise `shared_buffers`, or delete what is final sooner.",
        )
    if metrics.get("database_deadlocks"):
        yield finding(
            Severity.CRITICAL,
            "Transactions ended in deadlocks",
            f"{number(metrics['database_deadlocks'])} deadlocks.",
            "Two statements lock the same rows in different orders: see the database's log.",
        )


def _until_full(result: RunResult, test: LeakTest) -> str:
    """Return when memory reaches the limit of targets.toml at this rate."""
    highest = result.metrics.get("service_rss_max_bytes")
    limits = {resource.metric: resource.limit for resource in load_targets().resource}
    limit = limits.get("service_rss_max_bytes")
    if test.growth.what != "memory" or not highest or not limit or highest >= limit:
        return ""
    hours = (limit - highest) / test.per_s.value / 3600
    return f"At this rate the limit of {told(limit, 'bytes')} is reached in {number(hours)} h. "


RULES: tuple[Rule, ...] = (
    what_was_full_first,
    leaks,
    growing_backlog,
    cost_of_a_webhook,
    over_a_target,
    database_waits,
)
