"""What is known of a run while it goes on, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sureshot_lab.result import Interval, Sample


@dataclass
class Progress:
    """The last second of the load and the last sample, and where in the run they are.

    ``offset_s`` is where the present load begins in the run. ``tell`` is called after
    each change; it must neither block nor raise.
    """

    scenario: str
    total_s: float
    tell: Callable[[Progress], None]
    phase: str = "setting up"
    elapsed_s: float = 0.0
    offset_s: float = 0.0
    interval: Interval | None = None
    sample: Sample | None = None
    message: str = ""

    def enter(self, phase: str, message: str = "") -> None:
        """Begin a part of the run."""
        self.phase, self.message = phase, message
        self.tell(self)

    def second(self, interval: Interval) -> None:
        """Take in a second of the load."""
        self.interval = interval
        self.elapsed_s = self.offset_s + interval.at_s + 1
        self.tell(self)

    def sampled(self, sample: Sample) -> None:
        """Take in a sample."""
        self.sample = sample
        self.tell(self)


def silent(_progress: Progress) -> None:
    """Show nothing."""
