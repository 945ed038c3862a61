"""The real clocks: this machine's, and one that follows the database's."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """``ports.Clock`` of this machine."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()


class AnchoredClock(SystemClock):
    """Monotonic time counted from the database's clock, so that all processes agree."""

    def __init__(self) -> None:
        self.anchor(datetime.now(UTC))

    def anchor(self, at: datetime) -> None:
        """Say that it is *at* now."""
        self._at = at.astimezone(UTC)
        self._since_s = time.monotonic()

    def now(self) -> datetime:
        """Return the current instant as the database sees it."""
        return self._at + timedelta(seconds=time.monotonic() - self._since_s)
