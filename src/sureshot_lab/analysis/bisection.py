"""The search for the highest rate that keeps the promises: doubling, bisecting, several times."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sureshot_lab.analysis.estimate import Estimate
from sureshot_lab.analysis.percentiles import median_of_runs
from sureshot_lab.errors import LabError

LOWEST_SHARE = 1 / 64
"""A search that fails at its start goes down to this share of it before it gives up."""
GOLDEN_SHARE = 0.618
NARROW = 1.25
"""Later searches start near the first answer and need no doubling to get out of reach."""


@dataclass(frozen=True)
class Tried:
    """One step: which search it belongs to, from 1, its rate, and whether it kept the promises."""

    search: int
    rate_per_s: float
    passed: bool


class Bisection:
    """Tells which rate to try next, and learns whether it passed; it runs nothing itself.

    A search doubles from *start_per_s* until a rate fails, or halves until one passes,
    then halves the ratio between the two until they are within *precision* of each other.
    It answers with the higher one that passed. A rate that fails is tried again, up to
    *retries* times, and has failed only when every try did: a stall of the machine ends
    no search. *repeats* searches are made, the later ones close to the first answer.

    ``next_rate()`` may be asked again and gives the same until it is told.

    Raises:
        LabError: a rate or precision not above 0, fewer than 1 repeat, a start above the most.

    """

    def __init__(
        self,
        start_per_s: float,
        most_per_s: float,
        *,
        precision: float = 0.05,
        repeats: int = 3,
        retries: int = 1,
    ) -> None:
        if not 0 < start_per_s <= most_per_s:
            raise LabError(f"a search from {start_per_s:g}/s to {most_per_s:g}/s cannot be made")
        if precision <= 0 or repeats < 1 or retries < 0:
            raise LabError("a search needs a precision above 0 and 1 repeat or more")
        self._most_per_s = most_per_s
        self._precision = precision
        self._repeats = repeats
        self._retries = retries
        self._growth = 2.0
        self._lowest_per_s = start_per_s * LOWEST_SHARE
        self._next: float | None = start_per_s
        self._passed: float | None = None
        self._failed: float | None = None
        self._failures = 0
        self.tried: list[Tried] = []
        self.answers: list[float] = []
        """The highest rate that passed, of each search that ended; 0 where none did."""
        self.at_most = False
        """Whether a search ended because *most_per_s* itself passed: there may be more."""

    def next_rate(self) -> float | None:
        """Return the rate to offer next, a second; None when all searches are done."""
        return self._next

    def tell(self, rate: float, passed: bool) -> None:
        """Take what the *rate* came to. Raises ``ValueError`` for one that was not asked for."""
        if self._next is None or rate != self._next:
            raise ValueError(f"{rate} was not asked for; {self._next} was")
        self.tried.append(Tried(len(self.answers) + 1, rate, passed))
        if passed:
            self._passed, self._failures = rate, 0
        else:
            self._failures += 1
            if self._failures <= self._retries:
                return
            self._failed, self._failures = rate, 0
        self._next = self._after()
        if self._next is None:
            self._end_search()

    def capacity(self, confidence: float = 0.95) -> Estimate | None:
        """Return the median answer with the interval of the searches so far; None before one.

        The interval is that of ``median_of_runs``: of three searches it is their range.
        """
        return median_of_runs(self.answers, confidence) if self.answers else None

    def _after(self) -> float | None:
        """Return what to try within this search, None when it has its answer."""
        passed, failed = self._passed, self._failed
        if passed is not None and failed is None:
            higher = min(self._most_per_s, passed * self._growth)
            return higher if higher > passed else None
        if failed is None:
            return self._next
        if passed is None:
            lower = failed / self._growth
            return lower if lower >= self._lowest_per_s else None
        if failed / passed <= 1 + self._precision:
            return None
        # The middle by ratio: as far from the one as from the other in per cent.
        return math.sqrt(passed * failed)

    def _end_search(self) -> None:
        answer = self._passed or 0.0
        self.answers.append(answer)
        self.at_most = self.at_most or answer >= self._most_per_s
        if len(self.answers) >= self._repeats:
            return
        self._passed = self._failed = None
        if self.answers[0]:
            self._growth = max(NARROW, 1 + self._precision)
            # Not twice the same rates: the answers would lie on one grid and agree by that.
            aside = 0.5 + len(self.answers) * GOLDEN_SHARE % 1
            self._next = self.answers[0] / self._growth**aside
        else:
            self._next = self.tried[0].rate_per_s


def most_steps(start_per_s: float, most_per_s: float, *, precision: float, retries: int = 1) -> int:
    """Return the most steps that one search may take, wherever the limit is.

    Each rate is reckoned with all its tries: it may pass at the last of them.
    """
    limit, most_rates = start_per_s * LOWEST_SHARE / 2, 0
    while limit < 2 * most_per_s:
        search = Bisection(start_per_s, most_per_s, precision=precision, repeats=1, retries=0)
        while (rate := search.next_rate()) is not None:
            search.tell(rate, rate <= limit)
        most_rates = max(most_rates, len(search.tried))
        limit *= 1 + precision / 2
    return most_rates * (1 + retries)
