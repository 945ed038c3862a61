"""One load on databases of different pasts, and whether the service slows down with them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Protocol

from sureshot_lab.analysis.estimate import Estimate
from sureshot_lab.analysis.trend import theil_sen
from sureshot_lab.analysis.wording import change, percent, told, unit_of
from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.scale.kept import keep
from sureshot_lab.scale.limits import busy_machine, not_valid

FEWEST = 3
"""Runs that a slope needs at all."""
NOTABLE = 0.05
"""A tenfold past that costs less than this share more is none worth speaking of."""
ENOUGH = 1.1
"""A pool is large enough when its p99 is within this of the best one's."""
MOST_ROWS = 100_000_000
CPU, P99, DELIVERED = "cpu_us_per_webhook", "submission_p99_s", "delivered_per_s"
JUDGED = {CPU: "CPU", P99: "submission p99", DELIVERED: "delivered"}
"""What must not get worse: by their names in a result, and in a sentence."""


class Slowed(StrEnum):
    """Whether a longer past costs: UNKNOWN when the runs are too few or too far apart."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "not told"


@dataclass(frozen=True)
class Slope:
    """What each tenfold past costs of one metric, as a share of it at the shortest past.

    Above 0 is worse. ``per_tenfold`` has infinite ends with too few runs.
    """

    metric: str
    at_first: float
    per_tenfold: Estimate
    slowed: Slowed

    @property
    def shown(self) -> Estimate:
        """The change of the metric itself: of what is delivered, below 0 is worse."""
        found = self.per_tenfold
        if self.metric != DELIVERED:
            return found
        return Estimate(-found.value, -found.high, -found.low, found.confidence)

    @property
    def sentence(self) -> str:
        """The slope in words."""
        found = self.shown
        said = f"{JUDGED[self.metric]} {change(found.value)} for each tenfold past"
        if found.bounded:
            said += f" [{change(found.low)}, {change(found.high)}]"
        return f"{said}, {told(self.at_first, unit_of(self.metric))} at the shortest"


@dataclass(frozen=True)
class DatabaseSeries:
    """All runs, by rows and by pool, and what they say. ``remarks``: what limits it."""

    by_rows: dict[int, list[RunResult]]
    by_pool: dict[int, list[RunResult]]
    slopes: list[Slope]
    slowed: Slowed
    verdict: str
    remarks: list[str]


class Driver(Protocol):
    """What runs the load on a database of so many rows."""

    async def run(self, rows: int, pool: int | None = None) -> RunResult:
        """Return the result. Raises ``LabError``."""
        ...


async def run_series(
    driver: Driver, rows: Sequence[int], pools: Sequence[int], repeats: int, folder: Path,
    say: Callable[[str], None] = lambda _text: None,
) -> tuple[dict[int, list[RunResult]], dict[int, list[RunResult]]]:  # fmt: skip
    """Run the load *repeats* times on each of *rows*, then with each of *pools*; keep all.

    In turns, so that whatever else changes on the machine meets all alike. Pools have the
    fewest rows. Returns the results by rows, and by pool; writes
    ``database-<rows>-<turn>.json`` and ``database-pool-<n>-<turn>.json`` after each.

    Raises:
        LabError: as the driver; the files of the runs before stay.

    """
    by_rows: dict[int, list[RunResult]] = {count: [] for count in rows}
    by_pool: dict[int, list[RunResult]] = {count: [] for count in pools}
    for turn in range(1, repeats + 1):
        for count in rows:
            say(f"turn {turn} of {repeats}: {count:,} rows")
            by_rows[count].append(await driver.run(count))
            keep(folder, f"database-{count}-{turn}", by_rows[count][-1])
    for turn in range(1, repeats + 1):
        for pool in pools:
            say(f"turn {turn} of {repeats}: pool of {pool}")
            by_pool[pool].append(await driver.run(min(rows), pool))
            keep(folder, f"database-pool-{pool}-{turn}", by_pool[pool][-1])
    return by_rows, by_pool


def analyse(
    by_rows: dict[int, list[RunResult]], by_pool: dict[int, list[RunResult]]
) -> DatabaseSeries:
    """Return what the runs say together. Runs that are INVALID count for nothing."""
    slopes = [found for metric in JUDGED if (found := slope_of(by_rows, metric)) is not None]
    slowed = _slowed(slopes)
    named = _named(by_rows, by_pool)
    remarks = [*_pool_remark(by_pool), *busy_machine(named), *not_valid(named), *_shared(named)]
    return DatabaseSeries(by_rows, by_pool, slopes, slowed, _verdict(slopes, slowed), remarks)


def slope_of(by_rows: dict[int, list[RunResult]], metric: str) -> Slope | None:
    """Return what a tenfold past costs of *metric*; None with fewer than 3 runs or one past."""
    points = [
        (math.log10(rows), one.metrics[metric])
        for rows, results in by_rows.items()
        for one in _valid(results)
        if metric in one.metrics
    ]
    shortest = min((at for at, _value in points), default=0.0)
    if len(points) < FEWEST or len({at for at, _value in points}) < 2:
        return None
    at_first = median(value for at, value in points if at == shortest)
    if not at_first:
        return None
    sign = -1.0 if metric == DELIVERED else 1.0
    found = theil_sen(
        [at for at, _value in points], [sign * value / at_first for _at, value in points]
    )
    if 2 / _orders([at for at, _value in points]) > 1 - found.confidence:
        found = Estimate(found.value, -math.inf, math.inf, found.confidence)
    return Slope(metric, at_first, found, _answer(found))


def _orders(x: Sequence[float]) -> int:
    """Return how many orders of *y* can be told apart at *x*; ties can not.

    By chance alone one in so many rises from end to end, and one falls: where these two
    are no rarer than the confidence asks for, no slope proves anything.
    """
    ties = Counter(x).values()
    return math.factorial(len(x)) // math.prod(math.factorial(count) for count in ties)


def medians(results: Sequence[RunResult], metric: str) -> float | None:
    """Return the median of *metric* over the runs that count; None when none has it."""
    known = [one.metrics[metric] for one in _valid(results) if metric in one.metrics]
    return median(known) if known else None


def _valid(results: Sequence[RunResult]) -> list[RunResult]:
    return [one for one in results if one.verdict is not Verdict.INVALID]


def _answer(found: Estimate) -> Slowed:
    if found.high < NOTABLE:
        return Slowed.NO
    return Slowed.YES if found.low > 0 else Slowed.UNKNOWN


def _slowed(slopes: Sequence[Slope]) -> Slowed:
    answers = {one.slowed for one in slopes}
    if Slowed.YES in answers:
        return Slowed.YES
    return Slowed.NO if answers == {Slowed.NO} else Slowed.UNKNOWN


def _verdict(slopes: Sequence[Slope], slowed: Slowed) -> str:
    asked = "Does the service slow down with its history?"
    if not slopes:
        return f"{asked} Not told: that needs two numbers of rows and 3 valid runs or more."
    told_all = "; ".join(one.sentence for one in slopes)
    if slowed is Slowed.YES:
        return f"{asked} Yes: {told_all}."
    if slowed is Slowed.NO:
        return f"{asked} No, by less than {percent(NOTABLE)} for each tenfold past: {told_all}."
    return (
        f"{asked} Not told, the runs are too few or too far apart (more --repeats, a quieter "
        f"machine): {told_all}."
    )


def _named(
    by_rows: dict[int, list[RunResult]], by_pool: dict[int, list[RunResult]]
) -> dict[str, RunResult]:
    of_rows = {
        f"{rows:,} rows (turn {turn})": one
        for rows, results in by_rows.items()
        for turn, one in enumerate(results, 1)
    }
    of_pools = {
        f"pool of {pool} (turn {turn})": one
        for pool, results in by_pool.items()
        for turn, one in enumerate(results, 1)
    }
    return of_rows | of_pools


def _pool_remark(by_pool: dict[int, list[RunResult]]) -> list[str]:
    p99s = {pool: medians(results, P99) for pool, results in by_pool.items()}
    known = {pool: value for pool, value in p99s.items() if value is not None}
    if len(known) < 2:
        return []
    best = min(known.values())
    smallest = min(pool for pool, value in known.items() if value <= ENOUGH * best)
    reach = f"within {percent(ENOUGH - 1)} of the best, {told(best, 's')}"
    return [
        f"at this load a pool of {smallest} is enough: its submission p99 of "
        f"{told(known[smallest], 's')} is {'the best' if known[smallest] == best else reach}"
    ]


def _shared(named: dict[str, RunResult]) -> list[str]:
    """Say so when PostgreSQL's CPU is that of other databases too."""
    beside = [
        sample.values["postgres.connections"] - sample.values["postgres.database_connections"]
        for one in named.values()
        for sample in one.samples
        if "postgres.connections" in sample.values
    ]
    if not beside or median(beside) < 2:
        return []
    return [
        "other databases of this server were in use meanwhile: PostgreSQL's CPU is theirs too. "
        "Repeat it on a server that nothing else uses"
    ]
