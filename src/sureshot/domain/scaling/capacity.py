"""What one replica can do, learned by watching it: throughput for each second it was busy."""

from __future__ import annotations

import math

START_PER_S = 1000.0
"""Taken for granted until seen otherwise; an idle core does several times as much."""
PRIOR_S = 2.0
"""The start value weighs as much as so many busy seconds."""
MEMORY_S = 60.0
"""The mean is over about so many of the latest busy seconds of replicas."""
BUSY_ENOUGH = 0.4
"""Below this share too little is asked of a replica to see what it can do."""
FORGETS_S = 300.0


class Capacity:
    """Webhooks a second that one replica does when it is busy all the time."""

    def __init__(self, start_per_s: float = START_PER_S) -> None:
        self.per_s = start_per_s
        self.learned = False
        self._start_per_s = start_per_s
        self._evidence_s = PRIOR_S

    def observe(self, elapsed_s: float, replicas: int, done: float, busy: float) -> None:
        """Take in that *replicas* did *done* webhooks, being *busy* a share of the time.

        A replica is busy by the share of its slots that are taken, and wholly while work
        waits for it whatever its slots: then something else, such as its core, is used up.
        """
        if replicas < 1 or done <= 0:
            return
        seen_per_s = done / elapsed_s / replicas
        if busy >= BUSY_ENOUGH:
            busy_s = elapsed_s * replicas * busy
            self.per_s += (seen_per_s / busy - self.per_s) * busy_s / (self._evidence_s + busy_s)
            self._evidence_s = min(MEMORY_S, self._evidence_s + busy_s)
            self.learned = True
        elif seen_per_s > self.per_s:
            self.per_s = seen_per_s
            self.learned = True
        else:
            self._forget(elapsed_s, seen_per_s / max(busy, 1e-6))

    def _forget(self, elapsed_s: float, at_most_per_s: float) -> None:
        """Drift back to the start value: what made replicas slow may be over.

        Never above what their slots allow, *at_most_per_s*.
        """
        usual = min(self._start_per_s, at_most_per_s)
        if usual > self.per_s:
            self.per_s += (usual - self.per_s) * (1 - math.exp(-elapsed_s / FORGETS_S))
