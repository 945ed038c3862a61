"""How long after a spike or a fault the service is as it was before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from sureshot_lab.analysis.wording import told
from sureshot_lab.result import Interval

FACTOR = 2.0
HOLD_S = 5
BEFORE_S = 10
FAILED_SHARE = 0.01
QUIET_S = 0.050
"""A p95 up to this, a tenth of what is promised, is well whatever it was before."""


@dataclass(frozen=True)
class Recovery:
    """``after_s`` the end of the disturbance all was well, and stayed; None: not in this run.

    ``limit_s`` is the p95 that counts as well, ``before_s`` what it was before.
    """

    after_s: float | None
    before_s: float
    limit_s: float
    reason: str


def recovery(
    intervals: Sequence[Interval],
    began_s: float,
    ended_s: float | None = None,
    *,
    factor: float = FACTOR,
    hold_s: int = HOLD_S,
    quiet_s: float = QUIET_S,
) -> Recovery | None:
    """Return when the load recovered from what was done between *began_s* and *ended_s*.

    It is well again from the first second at or after *ended_s* from which p95 stays up
    to *factor* times its median of the ten seconds before, or to *quiet_s*, with at most
    1 % failed or dropped, for *hold_s* seconds on end. A second in which something was sent
    and nothing answered is not well; one in which nothing was to be sent is. None when
    nothing was answered before *began_s*, so that there is nothing to compare with.
    """
    ended_s = began_s if ended_s is None else ended_s
    before = [
        one.p95_s
        for one in intervals
        if one.p95_s is not None and began_s - BEFORE_S <= one.at_s <= began_s - 1
    ]
    if not before:
        return None
    before_s = median(before)
    limit_s = max(quiet_s, factor * before_s)
    after = [one for one in intervals if one.at_s + 1 > ended_s]
    for number in range(len(after) - hold_s + 1):
        if all(_well(one, limit_s) for one in after[number : number + hold_s]):
            after_s = max(0.0, after[number].at_s - ended_s)
            reason = f"p95 was back at {told(limit_s, 's')} or less {after_s:.3g} s after it"
            return Recovery(after_s, before_s, limit_s, reason)
    reason = (
        f"p95 was {told(before_s, 's')} before and did not stay at {told(limit_s, 's')} or "
        f"less for {hold_s} s in the {len(after)} s that followed"
    )
    return Recovery(None, before_s, limit_s, reason)


def _well(second: Interval, limit_s: float) -> bool:
    if not second.intended:
        return True
    if second.p95_s is None or second.p95_s > limit_s:
        return False
    return second.failed + second.dropped <= FAILED_SHARE * second.intended
