"""The search for the breaking point: one rate after another, each held against the promises."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sureshot_lab.analysis.bisection import Bisection, Tried, most_steps
from sureshot_lab.errors import LabError
from sureshot_lab.load.offer import Offered
from sureshot_lab.load.wrk import WrkRun, wrk_check
from sureshot_lab.result import ErrorCount, Interval, Phase, Table
from sureshot_lab.runs.load_run import make_offer, offer, warm_up
from sureshot_lab.runs.measure import latency_of
from sureshot_lab.runs.progress import Progress
from sureshot_lab.runs.search_step import SOON_S, Arrivals, Step, arrivals_of, receipts_of, step_of
from sureshot_lab.runs.site import Site
from sureshot_lab.runs.whereabouts import asked
from sureshot_lab.scenario import Scenario, Search
from sureshot_lab.sink.ledger_file import SavedLedger

WRK_S, WRK_CONNECTIONS = 5, 64
USUAL_STEPS = 6
"""What one search takes about, for the time left that is shown."""


@dataclass
class SearchRun:
    """Every step of a search, in the order they were made.

    ``missing``: accepted webhooks that no receiver has seen yet. In the end ``pending`` of
    them waited in the store and ``lost`` were nowhere. ``ledger_gap``: why a ledger was not
    whole; ``wrk_problem``: why there is no cross-check. Both are empty where all was well.
    """

    search: Bisection
    steps: list[Step] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    pending: int = 0
    lost: int = 0
    bad_signatures: int = 0
    ledger_gap: str = ""
    started_at_s: float = 0.0
    wrk: WrkRun | None = None
    wrk_problem: str = ""

    def take(self, ledger: SavedLedger) -> None:
        """Take what *ledger* tells of all steps so far."""
        came, bad_signatures = receipts_of(ledger)
        self.missing -= came
        self.bad_signatures += bad_signatures
        self.ledger_gap = self.ledger_gap or ledger.problem

    @property
    def own_lag_p99_s(self) -> float:
        """How late the generator was by itself, at its worst in a step that broke a promise."""
        lags = [latency_of(step.offered.lags_us) for step in self.steps if step.broken]
        return max((lag.p99_s for lag in lags if lag is not None), default=0.0)

    def by_generator(self) -> list[Step]:
        """Return the steps that ended a search and tell nothing of the service.

        A search is bounded by the lowest rate that failed in it. What broke above that has no
        part in the answer.
        """
        tried = list(zip(self.search.tried, self.steps, strict=False))
        bounds: dict[int, float] = {}
        for one in _failed(self.search.tried):
            bounds[one.search] = min(one.rate_per_s, bounds.get(one.search, one.rate_per_s))
        return [
            step
            for one, step in tried
            if step.by_generator and bounds.get(one.search) == one.rate_per_s
        ]

    def metrics(self) -> dict[str, float]:
        """Return the capacity with its interval, and sums over all steps."""
        sent = sum(step.offered.sent for step in self.steps)
        accepted = sum(step.offered.accepted for step in self.steps)
        found = {
            "requests": float(sent),
            "accepted": float(accepted),
            "failed_requests": float(sum(step.offered.failed for step in self.steps)),
            "delivered": float(sum(step.delivered for step in self.steps)),
            "lost": float(self.lost),
            "pending": float(self.pending),
            "bad_signatures": float(self.bad_signatures),
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
            found |= {
                "wrk_per_s": self.wrk.rate_per_s,
                "wrk_p99_s": self.wrk.p99_s,
                "wrk_refused": float(self.wrk.not_202),
            }
        goodput = [step.in_time / step.lasted_s for step in self.steps]
        return found | ({"goodput_max_per_s": max(goodput)} if goodput else {})

    def table(self) -> Table:
        """Return the steps for the report."""
        tried = self.search.tried
        rows: list[list[str | float | int | None]] = [
            [
                one.search,
                round(step.rate_per_s),
                round(step.offered.accepted / step.lasted_s),
                round(step.in_time / step.lasted_s),
                round(step.submission_p99_s * 1000, 2),
                round(step.end_to_end_p95_s * 1000, 2),
                round(100 * step.generator_share),
                _told(step),
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
        arrivals = await _finish_step(site, scenario, done, offered)
        step = step_of(rate, offered, arrivals, at_s, plan.step_s)
        done.steps.append(step)
        done.search.tell(rate, not step.broken)
    await _look_for_missing(site, scenario, done, stop)
    if not stop.is_set():
        progress.enter("load", "cross-check by wrk, a closed loop")
        try:
            done.wrk = await _cross_check(site, scenario)
        except LabError as error:
            # A second opinion only: what was found stands without it.
            done.wrk_problem = str(error)
    return done


def longest_s(plan: Search) -> float:
    """Return how long load is offered at most, wrk's included.

    Later searches are reckoned as long as the first; they begin near its answer.
    """
    steps = most_steps(plan.start_per_s, plan.most_per_s, precision=plan.precision)
    return plan.repeats * steps * plan.step_s + WRK_S


async def _cross_check(site: Site, scenario: Scenario) -> WrkRun | None:
    """Have wrk, where it is installed, submit as fast as the answers allow."""
    payload = site.payloads[0]
    body = f'{{{site.places[0]},"payload":{payload}}}'
    client = site.client
    url = f"{client.url}/api/v1/webhooks"
    token = site.owners[0].token if site.owners else client.token
    found = await asyncio.to_thread(wrk_check, url, token, body, WRK_S, WRK_CONNECTIONS)
    await site.empty(scenario.drain_s)
    return found


def _bisection(plan: Search) -> Bisection:
    return Bisection(
        plan.start_per_s, plan.most_per_s, precision=plan.precision, repeats=plan.repeats
    )


async def _finish_step(
    site: Site, scenario: Scenario, done: SearchRun, offered: Offered
) -> Arrivals:
    """Wait until the step has arrived, and begin a new ledger; return what the old one tells."""
    done.missing |= set(offered.accepted_ids)
    # Stragglers of earlier steps come into this ledger too.
    await site.empty(max(SOON_S, scenario.drain_s), expected=len(done.missing))
    ledger = await site.sink.turn()
    await asyncio.to_thread(done.take, ledger)
    return await asyncio.to_thread(arrivals_of, ledger, offered, scenario.search.step_s)


async def _look_for_missing(
    site: Site, scenario: Scenario, done: SearchRun, stop: asyncio.Event
) -> None:
    """Tell what still waits from what is lost: by the ledger, and by asking the service."""
    if done.missing and not stop.is_set():
        await site.empty(scenario.drain_s, stop, expected=len(done.missing))
        done.take(await site.sink.turn())
    if not done.missing:
        return
    pending, final = await asked(site.tenants, done.missing)
    # Only then the ledger: what was delivered while the service was asked is in there.
    done.take(await site.sink.turn())
    done.pending = len(done.missing & pending)
    done.lost = len(done.missing - pending - final)


def _failed(tried: list[Tried]) -> list[Tried]:
    """Return the rates that failed: those of which no try passed, in their search."""
    passed = {(one.search, one.rate_per_s) for one in tried if one.passed}
    return [one for one in tried if (one.search, one.rate_per_s) not in passed]


def _told(step: Step) -> str:
    """Return what became of the promises at *step*, in words."""
    if not step.broken:
        return "kept"
    return f"{step.broken} (by the generator)" if step.by_generator else step.broken
