"""What ran out first as the load rose, with the evidence; nothing is a possible answer.

For every resource utilisation and saturation are looked at (the USE method: Gregg,
"Thinking Methodically about Performance", 2013); errors are counted elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from sureshot_lab.analysis.estimate import Estimate
from sureshot_lab.analysis.leak import leak_tests
from sureshot_lab.analysis.resources import RESOURCES, Owner, Resource, sampled
from sureshot_lab.analysis.under_load import samples_of, seconds_under_load
from sureshot_lab.analysis.wording import number, percent, told
from sureshot_lab.result import RunResult

SUSTAINED = 3
"""So many samples on end: one alone is a garbage collection or a checkpoint."""
TOGETHER_S = 2.0
"""Resources that fill up within it do so at one time, as far as samples of a second tell."""


@dataclass(frozen=True)
class Use:
    """How one resource was used under load, in shares of its capacity.

    ``sustained``: the most it was for three samples on end. ``full_at_s``: when that
    first reached what is full for it; None when it never did.
    """

    resource: Resource
    mean: float
    sustained: float
    full_at_s: float | None


@dataclass(frozen=True)
class Bottleneck:
    """``first`` is what was full first, None when nothing was. ``uses``: by how near to full.

    ``backlog_per_s``: how fast the queue grew, None when it did not. ``evidence``: by
    names of ``uses``, the sustained share of each; and ``offered_per_s`` at that time.
    """

    first: Use | None
    uses: list[Use]
    backlog_per_s: Estimate | None
    offered_per_s: float | None
    sentence: str
    evidence: dict[str, float]


def uses(result: RunResult) -> list[Use]:
    """Return every resource that was sampled while load was offered, the fullest first."""
    samples = samples_of(result, seconds_under_load(result))
    found = [_use(one, sampled(one, result, samples)) for one in RESOURCES]
    known = [use for use in found if use is not None]
    return sorted(known, key=_fullness, reverse=True)


def bottleneck(result: RunResult) -> Bottleneck:
    """Return the verdict on a run, whatever its load: steady, or rising over its limit."""
    found = uses(result)
    first = _first(found)
    growing = _backlog(result)
    offered = None if first is None else _offered_at(result, first.full_at_s)
    evidence = {use.resource.name: round(use.sustained, 4) for use in found}
    if offered is not None:
        evidence["offered_per_s"] = offered
    if growing is not None:
        evidence["backlog_growth_per_s"] = growing.value
    sentence = _sentence(found, first, growing, offered)
    return Bottleneck(first, found, growing, offered, sentence, evidence)


def _use(resource: Resource, points: Sequence[tuple[float, float]]) -> Use | None:
    if len(points) < SUSTAINED:
        return None
    windows = [points[at : at + SUSTAINED] for at in range(len(points) - SUSTAINED + 1)]
    held = [(window[0][0], min(share for _at_s, share in window)) for window in windows]
    full_at_s = next((at_s for at_s, share in held if share >= resource.full), None)
    return Use(
        resource,
        fmean(share for _at_s, share in points),
        max(share for _at_s, share in held),
        full_at_s,
    )


def _fullness(use: Use) -> float:
    return use.sustained / use.resource.full


def _first(found: Sequence[Use]) -> Use | None:
    """Return what was full first; of those at one time the one suspected first."""
    full = [(use.full_at_s, use) for use in found if use.full_at_s is not None]
    if not full:
        return None
    earliest_s = min(at_s for at_s, _use in full)
    together = [use for at_s, use in full if at_s <= earliest_s + TOGETHER_S]
    return min(together, key=lambda use: RESOURCES.index(use.resource))


def _backlog(result: RunResult) -> Estimate | None:
    """Return the growth of the queue: a sign that something is saturated, not which."""
    grown = [test.per_s for test in leak_tests(result) if test.leaking and test.growth.is_backlog]
    return max(grown, key=lambda slope: slope.value, default=None)


def _offered_at(result: RunResult, at_s: float | None) -> float | None:
    if at_s is None:
        return None
    return next(
        (float(one.intended) for one in result.intervals if one.at_s <= at_s < one.at_s + 1), None
    )


def _sentence(
    found: Sequence[Use], first: Use | None, growing: Estimate | None, offered: float | None
) -> str:
    backlog = "" if growing is None else f" The queue grew by {number(growing.value)} a second."
    if first is None:
        return _nothing(found, growing is not None) + backlog
    resource = first.resource
    at = "" if offered is None else f" at {told(offered, 'per_s')}"
    said = (
        f"{resource.name} was full first: {percent(first.sustained)} of it, from second "
        f"{first.full_at_s:.0f} on{at}."
    )
    if resource.owner is Owner.LABORATORY:
        said += " That is a limit of the laboratory: the service can do this much, maybe more."
    elif resource.owner is Owner.MACHINE:
        said += " That is a limit of the machine, which service and laboratory share."
    others = [use for use in found if use is not first]
    if others:
        nearest = ", ".join(f"{use.resource.name} {percent(use.sustained)}" for use in others[:2])
        said += f" Next: {nearest}."
    return said + backlog


def _nothing(found: Sequence[Use], growing: bool) -> str:
    if not found:
        return "No resource was sampled under load, so no bottleneck can be told."
    nearest = found[0]
    said = (
        f"Nothing was saturated; nearest to it was {nearest.resource.name} with "
        f"{percent(nearest.sustained)}, full at {percent(nearest.resource.full)}."
    )
    if growing:
        said += " Yet work waits: for a limit in the settings, or for slow receivers."
    return said
