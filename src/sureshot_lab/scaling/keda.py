"""What KEDA does with the length of a queue: wakes and sleeps by itself, the rest through an HPA.

As its documentation describes scaling in two phases: activation (0 to 1, ``activation``
and ``cooldown_s``) by KEDA, and from 1 on a HorizontalPodAutoscaler on an external metric.
"""

from __future__ import annotations

from dataclasses import dataclass

from sureshot.domain.scaling.behaviour import Behaviour
from sureshot_lab.scaling.hpa import Controller, desired_by_average

POLLS_S = 30.0


@dataclass(frozen=True, slots=True)
class Trigger:
    """``queue_length`` leases for each replica; more than ``activation`` wake the first."""

    queue_length: float = 20.0
    activation: float = 0.0
    polls_s: float = POLLS_S
    cooldown_s: float = 300.0


class Keda:
    """A ScaledObject with one trigger."""

    def __init__(
        self, trigger: Trigger, least: int, most: int, behaviour: Behaviour | None = None
    ) -> None:
        self._trigger = trigger
        self._least = least
        # Its HPA never has less than one: going to none is KEDA's own part.
        self._controller = Controller(max(1, least), most, behaviour)
        self._active_s = 0.0

    def activate(self, now_s: float, current: int, length: float) -> int:
        """Return the replicas after a poll: from none to some, or from some to none."""
        if length > self._trigger.activation:
            self._active_s = now_s
            return current or max(1, self._least)
        if not self._least and current and now_s - self._active_s >= self._trigger.cooldown_s:
            return 0
        return current

    def scale(self, now_s: float, current: int, length: float) -> int:
        """Return the replicas after a turn of the HPA; none stays none."""
        if not current:
            return 0
        desired = desired_by_average(length, current, self._trigger.queue_length)
        return self._controller.scale(now_s, current, desired)
