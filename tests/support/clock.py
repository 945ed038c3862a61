"""Clocks that do what a test tells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sureshot.clock import SystemClock

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


class ManualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, start: datetime = NOON) -> None:
        self._start = start
        self._passed_s = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    def advance(self, seconds: float) -> None:
        self._passed_s += seconds


class HurriedClock(SystemClock):
    """The machine's clock, on top of which time may pass, or be set forward, in an instant."""

    def __init__(self) -> None:
        self._passed_s = 0.0
        self._set_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._passed_s + self._set_s)

    def monotonic(self) -> float:
        return super().monotonic() + self._passed_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed_s += seconds

    def set_forward(self, seconds: float) -> None:
        """Have the clock show a later time, though none has passed."""
        self._set_s += seconds
