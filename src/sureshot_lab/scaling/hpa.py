"""What a HorizontalPodAutoscaler wants: its formula with tolerance, unready and missing pods.

As documented under "Algorithm details" of Kubernetes's page on it, and as its controller
rounds. The steadying (windows, policies) is ``sureshot.domain.scaling.behaviour``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sureshot.domain.scaling.behaviour import (
    TOLERANCE,
    Behaviour,
    RateLimit,
    Stabiliser,
    tolerated,
)

SYNC_S = 15.0


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as the controller sees it. ``usage``: in millicores, None when not known (yet).

    One that is not ``ready`` counts apart: its start uses CPU that says nothing.
    """

    usage: int | None
    ready: bool = True
    request: int = 1000


class NoMetrics(Exception):
    """No pod has a usage that counts: nothing is decided."""


def desired_by_utilisation(
    pods: Sequence[Pod], current: int, target_percent: int, tolerance: float = TOLERANCE
) -> int:
    """Return the replicas that bring utilisation to *target_percent* of the requests.

    Raises ``NoMetrics``.
    """
    unready = [pod for pod in pods if not pod.ready]
    missing = [pod for pod in pods if pod.ready and pod.usage is None]
    known = [(pod.usage, pod.request) for pod in pods if pod.ready and pod.usage is not None]
    ratio = _ratio(known, target_percent)
    growing_with_unready = bool(unready) and ratio > 1.0
    if not growing_with_unready and not missing:
        if tolerated(ratio, tolerance):
            return current
        return math.ceil(ratio * len(known))
    if ratio < 1.0:
        # Going down, a pod nobody knows of is taken to be fully used; going up, to be idle.
        full_percent = max(100, target_percent)
        known += [(pod.request * full_percent // 100, pod.request) for pod in missing]
    elif ratio > 1.0:
        known += [(0, pod.request) for pod in missing]
    if growing_with_unready:
        known += [(0, pod.request) for pod in unready]
    return _damped(ratio, _ratio(known, target_percent), len(known), current, tolerance)


def desired_by_average(
    total: float, current: int, average: float, tolerance: float = TOLERANCE
) -> int:
    """Return the replicas that bring *total* to *average* for each: an external metric."""
    if tolerated(total / (average * current), tolerance):
        return current
    return math.ceil(total / average)


def _ratio(known: Sequence[tuple[int, int]], target_percent: int) -> float:
    requested = sum(request for _usage, request in known)
    if not requested:
        raise NoMetrics
    # Whole percent, as the controller counts.
    percent = sum(usage for usage, _request in known) * 100 // requested
    return percent / target_percent


def _damped(first: float, ratio: float, count: int, current: int, tolerance: float) -> int:
    """Return what *ratio* asks for, unless the pods taken on trust turned its direction."""
    turned = (first < 1.0 < ratio) or (ratio < 1.0 < first)
    if turned or tolerated(ratio, tolerance):
        return current
    wanted = math.ceil(ratio * count)
    if (ratio < 1.0 and wanted > current) or (ratio > 1.0 and wanted < current):
        return current
    return wanted


class Controller:
    """The loop around the formula: steadied, limited, bounded. One for each target."""

    def __init__(self, least: int, most: int, behaviour: Behaviour | None = None) -> None:
        self._least = least
        self._most = most
        rules = behaviour or Behaviour()
        self._stabiliser = Stabiliser(rules.up.window_s, rules.down.window_s)
        self._limit = RateLimit(rules)

    def scale(self, now_s: float, current: int, desired: int | None) -> int:
        """Return the replicas to have from now on; *desired* is None when nothing is known."""
        if current > self._most or current < self._least:
            wanted = min(max(current, self._least), self._most)
        elif desired is None:
            return current
        else:
            steady = self._stabiliser.steady(now_s, current, desired)
            within = min(max(steady, self._least), self._most)
            wanted = self._limit.limited(now_s, current, within)
        if wanted != current:
            self._limit.changed(now_s, wanted - current)
        return wanted
