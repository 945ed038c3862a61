"""Does something grow that should not: memory, descriptors, the queue; by time and by webhook."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from sureshot_lab.analysis.estimate import Estimate
from sureshot_lab.analysis.trend import theil_sen
from sureshot_lab.analysis.under_load import samples_of, seconds_under_load, steady_seconds
from sureshot_lab.analysis.warm_up import find_warm_up
from sureshot_lab.analysis.wording import interval, told
from sureshot_lab.result import RunResult, Sample

FEWEST = 8
SLOWED = 0.5
CACHED_PER_BYTE = 1.5
MOST_CACHED_BYTES = 24 << 20
"""Above what was measured: 1.3 to 1.4 bytes for each of the file, up to 16 MiB of pages."""
STEADY_S = 15


@dataclass(frozen=True)
class Growth:
    """What growth of one kind of resource is worth speaking of.

    ``samples``: names it is sampled under, the first that is there counts. ``per_webhook``
    decides where webhooks were counted, ``per_s`` where not; below it lies what fills and
    stops by itself, such as caches. ``least`` is how much it must be over the time looked
    at: an allocator's arena more is no leak. ``is_backlog``: it is work that waits, which
    grows with an overload and not with a leak.
    """

    what: str
    samples: tuple[str, ...]
    unit: str
    per_s: float
    per_webhook: float
    least: float
    is_backlog: bool = False


GROWTHS = (
    Growth("memory", ("service.rss_bytes", "metrics.rss_bytes"), "bytes", 16_384, 200, 1 << 20),
    Growth("file descriptors", ("service.fds", "metrics.fds"), "", 0.2, 0.002, 5),
    Growth("queue depth", ("metrics.queue_depth", "rabbitmq.ready"), "", 1, 0.01, 20, True),
    Growth("backlog", ("metrics.backlog",), "", 1, 0.01, 20, True),
)


@dataclass(frozen=True)
class LeakTest:
    """What was found of one sampled value after its warm-up.

    ``per_s`` and ``per_webhook`` are Theil-Sen slopes; the latter is None when no
    webhook was counted. ``leaking`` only if their low ends are above what is worth
    speaking of, and those of the floor as well. ``over_s``: seconds looked at, those after
    ``warm_up_s``.
    """

    growth: Growth
    per_s: Estimate
    per_webhook: Estimate | None
    warm_up_s: float
    over_s: float
    leaking: bool
    reason: str


def leak_test(
    at_s: Sequence[float],
    values: Sequence[float],
    growth: Growth,
    *,
    webhooks: Sequence[float] | None = None,
    warm_up_s: float | None = None,
) -> LeakTest | None:
    """Test one series. *webhooks*: how many were done up to each moment, from any origin.

    *warm_up_s* is dropped from the start, and found in the series itself when not given.
    The slope of all values is tested, and that of their floor: at each moment the lowest
    value from then on, which is what is never given back. A saw-tooth of garbage
    collection has a slope, by the phase it ends in, but a flat floor; a leak raises both.
    Where growth slows to less than half between the halves it is a warm-up that is not
    over: only the later half is tested then, and growth that still slows is not flagged.
    A warm-up longer than a third of the series may yet look like a leak. None when fewer
    than 8 values are left.
    """
    if warm_up_s is None:
        step_s = (at_s[-1] - at_s[0]) / max(1, len(at_s) - 1) if at_s else 0.0
        warm_up_s = find_warm_up(values, step_s).drop_s
    first = bisect_left(at_s, at_s[0] + warm_up_s) if at_s else 0
    if len(values) - first < FEWEST:
        return None
    slowing = _slows(at_s[first:], values[first:])
    if slowing and len(values) - first >= 2 * FEWEST:
        first += (len(values) - first) // 2
        slowing = _slows(at_s[first:], values[first:])
    kept, times_s = values[first:], at_s[first:]
    per_s, least_per_s = _rise(times_s, kept)
    per_webhook = None
    rising = least_per_s > growth.per_s
    if webhooks is not None and webhooks[-1] > webhooks[first]:
        per_webhook, least_per_webhook = _rise(webhooks[first:], kept)
        rising = least_per_webhook > growth.per_webhook
    rising = rising and least_per_s * (times_s[-1] - times_s[0]) > growth.least
    return LeakTest(
        growth,
        per_s,
        per_webhook,
        at_s[first] - at_s[0],
        at_s[-1] - at_s[first],
        rising and not slowing,
        _reason(growth, per_s, per_webhook, rising=rising, slowing=slowing),
    )


def leak_tests(result: RunResult, warm_up_s: float | None = None) -> list[LeakTest]:
    """Test every sample of the service that ``GROWTHS`` knows.

    A backlog is looked at as long as load is offered. The rest is looked at only while the
    load stays the same, if it does for 15 s: more connections and buffers for a rising
    load are no leak. Memory is counted without the page cache of an embedded database.
    """
    steady = steady_seconds(result)
    constant = samples_of(result, steady) if len(steady) >= STEADY_S else []
    loaded = samples_of(result, seconds_under_load(result))
    tests = []
    for growth in GROWTHS:
        found = _tested(result, loaded if growth.is_backlog else constant, growth, warm_up_s)
        tests += [found] if found else []
    return tests


def _tested(
    result: RunResult, samples: Sequence[Sample], growth: Growth, warm_up_s: float | None
) -> LeakTest | None:
    name = next((n for n in growth.samples if any(n in s.values for s in samples)), "")
    known = [sample for sample in samples if name in sample.values]
    at_s = [sample.at_s for sample in known]
    done = webhooks_until(result, at_s)
    values = [sample.values[name] for sample in known]
    if growth.what == "memory":
        values = [v - page_cache_bytes(s) for v, s in zip(values, known, strict=True)]
    return leak_test(at_s, values, growth, webhooks=done, warm_up_s=warm_up_s)


def page_cache_bytes(sample: Sample) -> float:
    """Return how much memory the page cache of an embedded database may take by now.

    Until that cache is full memory grows with the file, and for half a minute nothing
    but its end tells it from a leak. 0 where no file was sampled.
    """
    file_bytes = sample.values.get("sqlite.database_bytes", 0.0)
    return min(CACHED_PER_BYTE * file_bytes, MOST_CACHED_BYTES)


def webhooks_until(result: RunResult, at_s: Sequence[float]) -> list[float] | None:
    """Return how many webhooks were accepted up to each of *at_s*, straight between seconds."""
    if not any(one.succeeded for one in result.intervals) or not at_s:
        return None
    import numpy as np  # noqa: PLC0415

    ends_s = [result.intervals[0].at_s, *(one.at_s + 1 for one in result.intervals)]
    totals = [0, *accumulate(one.succeeded for one in result.intervals)]
    return [float(total) for total in np.interp(at_s, ends_s, totals)]


def _rise(along: Sequence[float], values: Sequence[float]) -> tuple[Estimate, float]:
    """Return the slope, and the least that both it and the floor's may be."""
    floor = list(accumulate(reversed(values), min))[::-1]
    slope = theil_sen(along, values)
    return slope, min(slope.low, theil_sen(along, floor).low)


def _slows(at_s: Sequence[float], values: Sequence[float]) -> bool:
    half = len(values) // 2
    first = theil_sen(at_s[:half], values[:half]).value
    second = theil_sen(at_s[half:], values[half:]).value
    return second < SLOWED * first


def _reason(
    growth: Growth,
    per_s: Estimate,
    per_webhook: Estimate | None,
    *,
    rising: bool,
    slowing: bool,
) -> str:
    rate = f"{interval(per_s, growth.unit)} a second"
    if per_webhook is not None:
        rate += f", {interval(per_webhook, growth.unit)} a webhook"
    if rising and slowing:
        return f"it grew by {rate}, ever slower: run longer to see whether it stops"
    if rising:
        return f"it grows by {rate}"
    if per_webhook is not None:
        worth = f"{told(growth.per_webhook, growth.unit)} a webhook"
    else:
        worth = f"{told(growth.per_s, growth.unit)} a second"
    return f"no growth of more than {worth} can be shown: {rate}"
