"""Telling the passing of time from a clock that was set: leases run by the first alone."""

from __future__ import annotations

from datetime import timedelta

from sureshot.ports import Clock

STEP_S = 1.0
"""A clock that is merely slowed or hurried differs by less, from one look to the next."""


class ClockSteps:
    """How far the clock was set forward while leases given before that still run.

    A machine that wakes up, or first hears of the right time, sets its clock forward
    by minutes or hours. By that clock every lease has ended then, though the attempts
    it was given for are still being made.
    """

    def __init__(self, clock: Clock, lease_s: float) -> None:
        """*lease_s* is how long a lease lasts at most."""
        self._clock = clock
        self._lease_s = lease_s
        self._ahead_s = self._now_ahead_s()
        self._grace_s = 0.0
        self._until_s = float("-inf")

    def grace(self) -> timedelta:
        """Return how long after their end leases still count; to be asked every few seconds."""
        ahead_s = self._now_ahead_s()
        step_s = ahead_s - self._ahead_s
        now_s = self._clock.monotonic()
        if now_s >= self._until_s:
            self._grace_s = 0.0
        if step_s > STEP_S or step_s < 0:
            self._ahead_s = ahead_s
            self._grace_s = max(0.0, self._grace_s + step_s)
        if step_s > STEP_S:
            self._until_s = now_s + self._lease_s
        return timedelta(seconds=self._grace_s)

    def _now_ahead_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()
