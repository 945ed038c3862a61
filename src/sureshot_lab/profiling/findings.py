"""What a profile says, as the tables and findings of its run's report."""

from __future__ import annotations

from collections.abc import Sequence

from sureshot_lab.analysis.rules.finding import Severity, finding
from sureshot_lab.analysis.wording import number, percent
from sureshot_lab.profiling.stacks import Profile, top_functions
from sureshot_lab.profiling.stages import StageCost, stage_costs
from sureshot_lab.result import Finding, RunResult, Table
from sureshot_lab.sampler.statements import Statement

ENOUGH_SAMPLES = 400
"""Below, a share of a quarter may be off by more than 4 percentage points."""
CPU = "service_cpu_us_per_webhook"


def profile_tables(profile: Profile, result: RunResult) -> list[Table]:
    """Return the stages and the functions; no samples, no rows."""
    return [_stage_table(stage_costs(profile, result.metrics.get(CPU))), _function_table(profile)]


def profile_findings(profile: Profile, result: RunResult) -> list[Finding]:
    """Return what is worth knowing: the dearest stage, too few samples, a late event loop."""
    total = profile.samples.total()
    found = []
    if total < ENOUGH_SAMPLES:
        found.append(
            finding(
                Severity.WARNING,
                "The profile rests on few samples",
                f"{total} stacks of working threads were seen; {ENOUGH_SAMPLES} are wanted",
                "profile a longer or a higher load: `sureshot lab profile load`",
            )
        )
    if total:
        dearest = max(stage_costs(profile, result.metrics.get(CPU)), key=lambda one: one.share)
        found.append(finding(Severity.NOTE, _dearest(dearest), _evidence(dearest, result)))
    lag = max((sample.values.get("sampler.lag_s", 0.0) for sample in result.samples), default=0.0)
    found.append(
        finding(
            Severity.NOTE,
            "How late the laboratory's own event loop was",
            f"{number(1000 * lag)} ms at most: what the host was too busy for, py-spy included",
        )
    )
    return found


def statement_table(statements: Sequence[Statement], unknown: str = "") -> Table:
    """Return the SQL that took the most time; *unknown* says why there is none."""
    return Table(
        name="sql",
        title=f"SQL by time{f': not known, {unknown}' if unknown else ''}",
        columns=["statement", "calls", "total_ms", "mean_ms", "rows", "wal_bytes"],
        rows=[
            [
                " ".join(one.query.split())[:160],
                round(one.calls),
                round(1000 * one.total_s, 1),
                round(1000 * one.mean_s, 3),
                round(one.rows),
                round(one.wal_bytes),
            ]
            for one in statements
        ],
    )


def _stage_table(costs: Sequence[StageCost]) -> Table:
    return Table(
        name="stages",
        title="CPU by stage of the delivery line",
        columns=["stage", "samples", "share_percent", "plus_minus_percent", "us_per_webhook"],
        rows=[
            [
                one.stage,
                one.samples,
                round(100 * one.share, 1),
                round(100 * one.margin, 1),
                None if one.us_per_webhook is None else round(one.us_per_webhook, 1),
            ]
            for one in costs
        ],
    )


def _function_table(profile: Profile) -> Table:
    functions = top_functions(profile)
    return Table(
        name="functions",
        title="Functions by the CPU they took themselves",
        columns=["function", "where", "own_percent", "with_calls_percent"],
        rows=[
            [one.frame.function, one.frame.place, _percent(one.own), _percent(one.whole)]
            for one in functions
        ],
    )


def _percent(share: float) -> float:
    return round(100 * share, 1)


def _dearest(cost: StageCost) -> str:
    return f"Most of a webhook's CPU goes into: {cost.stage}"


def _evidence(cost: StageCost, result: RunResult) -> str:
    told = f"{percent(cost.share)} of the CPU, {cost.samples} samples in it"
    whole = result.metrics.get(CPU)
    if whole is None or cost.us_per_webhook is None:
        return told
    return f"{told}: {number(cost.us_per_webhook)} of {number(whole)} us a webhook"
