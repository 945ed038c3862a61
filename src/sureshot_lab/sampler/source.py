"""What the sampler looks at: anything that tells names and values as of now."""

from __future__ import annotations

import time
from typing import Protocol

from sureshot_lab.errors import LabError

EARLY = 0.05
"""A read this share of its period before its time counts as on time: ticks jitter."""


class SourceUnreadable(LabError):
    """A source answers, but not what it is asked for; the text says what and what would help."""


class Source(Protocol):
    """Something read again and again, never by two at once.

    Names are dotted and end in their unit. A value that is not known yet (a rate
    at the first read) or not now is left out, never made up.
    """

    name: str

    async def read(self) -> dict[str, float]:
        """Return what is known now. Any exception counts as "not this time"."""
        ...

    async def close(self) -> None:
        """Let go of connections; a later read opens them again."""
        ...


class Pace:
    """Says when something dear may be asked again: at most every ``every_s``."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self._next_s = float("-inf")

    def due(self) -> bool:
        """Return whether it is time; if so, the next time is ``every_s`` from now."""
        now_s = time.monotonic()
        if now_s < self._next_s - EARLY * self.every_s:
            return False
        self._next_s = now_s + self.every_s
        return True


def sentence(error: BaseException) -> str:
    """Return the first line of what *error* says, or else its kind."""
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
