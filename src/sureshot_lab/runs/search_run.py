"""The search for the breaking point: one rate after another, each held against the promises."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sureshot_lab.analysis.bisection import Bisection
from sureshot_lab.load.offer import Offered
from sureshot_lab.load.wrk import WrkRun, wrk_check
from sureshot_lab.result import ErrorCount, Interval, Phase, Table
from sureshot_lab.runs.load_run import make_offer, offer, warm_up
from sureshot_lab.runs.measure import latency_of
from sureshot_lab.runs.progress import Progress
from sureshot_lab.runs.site import Site
from sureshot_lab.scenario import Scenario, Search
from sureshot_lab.targets import load_targets

DRAIN_S = 30.0
WRK_S, WRK_CONNECTIONS = 5, 64
USUAL_STEPS = 6
"""What one search takes about, for the time left that is shown."""
SOON_S = 3.0
"""A rate that is kept leaves nothing behind: what was accepted has arrived so soon after."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One rate: what it came to, and which promise it broke (empty: none)."""

    rate_per_s: float
    offered: Offered
    delivered: int
    lost: int
    bad_signatures: int
    submission_p99_s: float
    end_to_end_p95_s: float
    broken: str
    at_s: float
    lasted_s: float


@dataclass
class SearchRun:
    """Every step of a search, in the order they were made.

    ``generator_share`` and ``own_lag_p99_s``: the generator's CPU and lateness at its
    worst in a step that broke a promise.
    """

    search: Bisection
    steps: list[Step] = field(default_factory=list)
    generator_share: float = 0.0
    own_lag_p99_s: float = 0.0
    started_at_s: float = 0.0
    wrk: WrkRun | None = None

    def metrics(self) -> dict[str, float]:
        """Return the capacity with its interval, and sums over all steps."""
        sent = sum(step.offered.sent for step in self.steps)
        accepted = sum(step.offered.accepted for step in self.steps)
        found = {
            "requests": float(sent),
            "accepted": float(accepted),
            "failed_requests": float(sum(step.offered.failed for step in self.steps)),
            "delivered": float(sum(step.delivered for step in self.steps)),
            "lost": float(sum(step.lost for step in self.steps)),
            "bad_signatures": float(sum(step.bad_signatures for step in self.steps)),
            "submission_success_share": accepted / sent if sent else 0.0,
            "steps": float(len(self.steps)),
        }
        capacity = self.search.capacity()
        if capacity is not None:
            found |= {
                "capacity_per_s": capacity.value,
                "capacity_low_per_s": capacity.low,
                "capacity_high_per_s": capacity.high,
            }
        if self.wrk is not None:
            found |= {"wrk_per_s": self.wrk.rate_per_s, "wrk_p99_s": self.wrk.p99_s}
        goodput = [step.delivered / step.lasted_s for step in self.steps]
        return found | ({"goodput_max_per_s": max(goodput)} if goodput else {})

    def table(self) -> Table:
        """Return the steps for the report."""
        tried = self.search.tried
        rows: list[list[str | float | int | None]] = [
            [
                one.search,
                round(step.rate_per_s),
                round(step.offered.accepted / step.lasted_s),
                round(step.delivered / step.lasted_s),
                round(step.submission_p99_s * 1000, 2),
                round(step.end_to_end_p95_s * 1000, 2),
                round(100 * max(step.offered.cpu_shares, default=0.0)),
                step.broken or "kept",
            ]
            for one, step in zip(tried, self.steps, strict=False)
        ]
        columns = [
            "Search", "Offered/s", "Accepted/s", "Delivered/s", "Submission p99 ms",
            "End to end p95 ms", "Generator CPU %", "Promises",
        ]  # fmt: skip
        return Table(name="steps", title="Rates tried", columns=columns, rows=rows)

    def intervals(self) -> list[Interval]:
        """Return the seconds of all steps on the run's clock."""
        return [
            msgspec.structs.replace(one, at_s=step.at_s + one.at_s)
            for step in self.steps
            for one in step.offered.intervals
        ]

    def phases(self) -> list[Phase]:
        """Return a phase for each step."""
        return [
            Phase(
                name=f"{step.rate_per_s:,.0f}/s",
                start_s=step.at_s,
                end_s=step.at_s + step.lasted_s,
            )
            for step in self.steps
        ]

    def errors(self) -> list[ErrorCount]:
        """Return the errors of all steps, by kind."""
        found: dict[str, ErrorCount] = {}
        for step in self.steps:
            for error in step.offered.errors:
                known = found.get(error.what)
                count = error.count + (known.count if known else 0)
                first = known.first_at_s if known else step.at_s + error.first_at_s
                found[error.what] = ErrorCount(what=error.what, count=count, first_at_s=first)
        return list(found.values())


async def run_search(
    site: Site, scenario: Scenario, engine: str, run: str, folder: Path, progress: Progress,
    stop: asyncio.Event,
) -> SearchRun:  # fmt: skip
    """Try rates until the search has its answer or *stop* is set."""
    plan = scenario.search
    done = SearchRun(_bisection(plan))
    progress.total_s = plan.repeats * USUAL_STEPS * plan.step_s
    await warm_up(site, scenario, engine, folder, progress, stop)
    while (rate := done.search.next_rate()) is not None and not stop.is_set():
        number = len(done.steps) + 1
        progress.enter("load", f"step {number}: {rate:,.0f}/s")
        progress.offset_s = (number - 1) * plan.step_s
        what = make_offer(site, scenario, f"{run}.{number}", [(plan.step_s, rate, rate)])
        offered = await offer(engine, what, folder / f"step-{number}", progress, stop)
        if stop.is_set():
            break
        done.started_at_s = done.started_at_s or offered.started_at_s
        at_s = offered.started_at_s - done.started_at_s
        step = await _finish_step(site, rate, offered, at_s, plan.step_s)
        done.steps.append(step)
        if step.broken:
            lag = latency_of(offered.lags_us)
            done.own_lag_p99_s = max(done.own_lag_p99_s, lag.p99_s if lag else 0.0)
            done.generator_share = max([done.generator_share, *offered.cpu_shares])
        done.search.tell(rate, not step.broken)
    if not stop.is_set():
        progress.enter("load", "cross-check by wrk, a closed loop")
        done.wrk = await _cross_check(site)
    return done


async def _cross_check(site: Site) -> WrkRun | None:
    """Have wrk, where it is installed, submit as fast as the answers allow."""
    payload = site.payloads[0]
    body = f'{{{site.places[0]},"payload":{payload}}}'
    client = site.client
    url = f"{client.url}/api/v1/webhooks"
    found = await asyncio.to_thread(wrk_check, url, client.token, body, WRK_S, WRK_CONNECTIONS)
    await site.empty(DRAIN_S)
    return found


def _bisection(plan: Search) -> Bisection:
    return Bisection(
        plan.start_per_s, plan.most_per_s, precision=plan.precision, repeats=plan.repeats
    )


async def _finish_step(
    site: Site, rate: float, offered: Offered, at_s: float, lasted_s: float
) -> Step:
    """Wait until the step has arrived, hold it against the promises, and begin a new ledger."""
    soon = await site.empty(SOON_S)
    if not soon:
        await site.empty(DRAIN_S)
    stats = await site.sink.stats()
    submission = latency_of(offered.latencies_us)
    p99_s = submission.p99_s if submission else 0.0
    p95_s = stats.p95_s or 0.0
    await site.sink.reset()
    return Step(
        rate_per_s=rate,
        offered=offered,
        delivered=stats.delivered,
        lost=max(0, offered.accepted - stats.unique),
        bad_signatures=stats.bad_signatures,
        submission_p99_s=p99_s,
        end_to_end_p95_s=p95_s,
        broken=_broken(offered, p99_s, p95_s, soon=soon),
        at_s=at_s,
        lasted_s=lasted_s,
    )


def _broken(offered: Offered, p99_s: float, p95_s: float, *, soon: bool) -> str:
    """Return the promise that was broken, or nothing."""
    targets = load_targets()
    limits = {name: targets.gate(name).limit for name in ("api-latency", "delivery-latency")}
    good = offered.accepted / offered.intended if offered.intended else 0.0
    if offered.dropped:
        return f"{offered.dropped} arrivals dropped"
    if good <= targets.gate("success-rate").limit:
        return f"only {good:.2%} accepted"
    if p99_s >= limits["api-latency"]:
        return "submission p99 too high"
    if p95_s >= limits["delivery-latency"]:
        return "end to end p95 too high"
    return "" if soon else f"not delivered {SOON_S:g} s after the load"
