"""Little's law held against a run: what was in flight must be throughput times time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, pstdev

from sureshot_lab.analysis.under_load import seconds_under_load
from sureshot_lab.analysis.wording import number, percent
from sureshot_lab.result import RunResult

TOLERANCE = 0.20
EDGES = 0.10
SLACK = 1.0
"""In flight is counted in whole requests at moments: one more or less says nothing."""


@dataclass(frozen=True)
class LittlesLaw:
    """``ratio``: measured in flight by expected; 1 when the measurements agree.

    A ratio far below 1 means that requests are missing from the count or times are too
    long (waiting in the generator, for one); far above 1, that times are too short, as
    when only the fast answers are timed.
    """

    in_flight: float
    expected: float
    ratio: float
    consistent: bool
    reason: str


def littles_law(
    in_flight: float,
    per_s: float,
    mean_s: float,
    tolerance: float = TOLERANCE,
    uncertainty: float = 0.0,
) -> LittlesLaw:
    """Hold mean *in_flight* against *per_s* completions of *mean_s* each: L = lambda W.

    *uncertainty* is how far the mean in flight may be from the truth, being a sample.

    It holds for any system whose inflow and outflow are equal over the time looked at,
    whatever its distributions (Little, "A Proof for the Queuing Formula L = lambda W", 1961).
    """
    expected = per_s * mean_s
    ratio = in_flight / expected if expected else (1.0 if not in_flight else float("inf"))
    allowed = max(SLACK, uncertainty, tolerance * expected)
    consistent = abs(in_flight - expected) <= allowed
    told = (
        f"{number(in_flight)} in flight were counted, {number(expected)} follow from "
        f"{number(per_s)}/s taking {number(mean_s * 1000)} ms each"
    )
    if consistent:
        return LittlesLaw(in_flight, expected, ratio, True, told)
    wrong = f"{told}: they differ by more than {percent(tolerance)}, so one of them is mismeasured"
    return LittlesLaw(in_flight, expected, ratio, False, wrong)


def littles_law_of(result: RunResult, tolerance: float = TOLERANCE) -> LittlesLaw | None:
    """Hold the law against the submissions of a run.

    None when the generator does not count what is in flight, and when answers take more
    than ``EDGES`` of the load: what was still in flight at its end weighs too much then.
    """
    latency = result.latencies.get("submission")
    seconds = seconds_under_load(result)
    if latency is None or not seconds or latency.mean_s > EDGES * len(seconds):
        return None
    counted = [one.in_flight for one in seconds]
    in_flight = fmean(counted)
    if not in_flight:
        return None
    # A moment of each second is counted: three standard errors of their mean.
    uncertainty = 3 * pstdev(counted) / math.sqrt(len(counted))
    answered_per_s = sum(one.succeeded + one.failed for one in seconds) / len(seconds)
    return littles_law(in_flight, answered_per_s, latency.mean_s, tolerance, uncertainty)
