"""What one replica can do, learned by watching it: throughput for each second it was busy."""

from __future__ import annotations

import math

START_PER_S = 1000.0
"""Taken for granted until seen otherwise; an idle core does several times as much."""
PRIOR_S = 0.25
"""The start value weighs no more than so many busy seconds: it is a guess."""
MEMORY_S = 30.0
"""The mean is over about so many of the latest busy seconds of replicas."""
BUSY_ENOUGH = 0.4
"""Below this share too little is asked of a replica to see what it can do."""
RISES_S = 5.0
FORGETS_S = 300.0


class Capacity:
    """Webhooks a second that one replica does when it is busy all the time."""

    def __init__(self, start_per_s: float = START_PER_S) -> None:
        self.per_s = start_per_s
        self.learned = False
        self._start_per_s = start_per_s
        self._evidence_s = PRIOR_S
        self._busy_before = 0.0

    def observe(self, elapsed_s: float, replicas: int, done: float, busy: float) -> None:
        """Take in that *replicas* did *done* webhooks, and that they are *busy* now, 0 to 1.

        A replica is busy by the share of its slots that are taken, and wholly while work
        waits for it whatever its slots: then something else, such as its core, is used up.
        Where work has just begun or ended nothing is learned: what was done before
        belongs to another share.
        """
        before, self._busy_before = self._busy_before, busy
        if replicas < 1 or done <= 0:
            return
        seen_per_s = done / elapsed_s / replicas
        if min(before, busy) >= BUSY_ENOUGH:
            self._learn(elapsed_s * replicas, seen_per_s, (before + busy) / 2)
        elif seen_per_s > self.per_s:
            # It can do what it does; a late heartbeat may make it look like more.
            self.per_s += (seen_per_s - self.per_s) * min(1.0, elapsed_s / RISES_S)
            self.learned = True
        elif max(before, busy) < BUSY_ENOUGH:
            self._forget(elapsed_s, seen_per_s / max(before, busy, 1e-6))

    def _learn(self, replica_s: float, seen_per_s: float, busy: float) -> None:
        busy_s = replica_s * busy
        self.per_s += (seen_per_s / busy - self.per_s) * busy_s / (self._evidence_s + busy_s)
        self._evidence_s = min(MEMORY_S, self._evidence_s + busy_s)
        self.learned = True

    def _forget(self, elapsed_s: float, at_most_per_s: float) -> None:
        """Drift back to the start value: what made replicas slow may be over.

        Never above what their slots allow, *at_most_per_s*.
        """
        usual = min(self._start_per_s, at_most_per_s)
        if usual > self.per_s:
            self.per_s += (usual - self.per_s) * (1 - math.exp(-elapsed_s / FORGETS_S))
