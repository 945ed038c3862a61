"""What one replica can do, learned by watching it: as much as its core, its slots, or else allows.

Each bound is learned only while what it stands for is used, and kept while it is not: a role
that has little to do does not unlearn what it can do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sureshot.domain.scaling.work import Work, mean_core, mean_in_flight, replica_s

START_PER_S = 1000.0
"""Taken for granted until seen otherwise; an idle core does several times as much."""
SLOTS = 10_000
"""Webhooks a replica has in hand at most, by default."""
PRIOR_S = 0.5
"""The start value weighs no more than so many busy seconds: it is a guess."""
MEMORY_S = 30.0
"""A bound is the mean of about so many of the latest busy seconds of replicas."""
BUSY_ENOUGH = 0.4
"""Below this share too little is asked of a replica to see what it can do."""
USED_UP = 0.9
RISES_S = 2.0
QUICKER_S = 60.0
"""Receivers that became quicker are believed after about so long."""
FORGETS_S = 1800.0
"""So long a limit that is neither the core nor the slots is remembered once it is not met."""
UNDONE_S = 5.0
"""Results are written in batches: a stretch without any counts with the next, up to so long."""


class Bound:
    """What a replica does for each second in which one thing it needs is wholly used."""

    def __init__(self, per_s: float = math.inf, evidence_s: float = 0.0) -> None:
        """*per_s* holds until more was seen; it weighs as much as *evidence_s*."""
        self.per_s = per_s
        self.learned = False
        self._evidence_s = evidence_s

    def learn(self, busy_s: float, per_s: float) -> None:
        """Take in that in *busy_s* replicas did *per_s* for each of them."""
        share = busy_s / (self._evidence_s + busy_s)
        self.per_s = per_s if math.isinf(self.per_s) else self.per_s + (per_s - self.per_s) * share
        self._evidence_s = min(MEMORY_S, self._evidence_s + busy_s)
        self.learned = True

    def rise(self, share: float, per_s: float) -> None:
        """Go up to *per_s* by *share* of the way, never down."""
        if per_s > self.per_s:
            self.per_s += (per_s - self.per_s) * min(1.0, share)


class Capacity:
    """Webhooks a second that one replica does when it is busy all the time."""

    def __init__(self, start_per_s: float = START_PER_S, slots: int = SLOTS) -> None:
        """*start_per_s* is what its core is taken to allow; *slots* is what it may have in hand."""
        self._slots = slots
        self._core = Bound(start_per_s, PRIOR_S)
        self._by_slots = Bound()
        self._by_else = Bound()
        self._undone: list[Work] = []
        self._undone_s = 0.0
        self._before = (0.0, 0.0, False)
        self._seen_per_s = 0.0
        self._held = self._held_done = 0.0

    @property
    def per_s(self) -> float:
        """The least of what bounds it."""
        return min(self._core.per_s, self._by_slots.per_s, self._by_else.per_s)

    @property
    def learned(self) -> bool:
        """Whether any of it was seen."""
        return any(one.learned for one in (self._core, self._by_slots, self._by_else))

    def observe(self, works: Sequence[Work], *, waits: bool) -> None:
        """Take in what replicas did, and whether work *waits* for them in the queue.

        Where work has just begun or ended nothing is learned: what was done before belongs
        to another share.
        """
        if not works:
            return
        core, in_flight = mean_core(works), mean_in_flight(works)
        before, self._before = self._before, (core or 0.0, in_flight / self._slots, waits)
        busy = waits or max(self._before) >= BUSY_ENOUGH
        latest, works = len(works), [*self._undone, *works]
        elapsed_s, done = replica_s(works), sum(work.done for work in works)
        self._undone.clear()
        if done <= 0:
            self._undone_s += max(work.elapsed_s for work in works[-latest:])
            if busy and self._undone_s < UNDONE_S:
                self._undone = works
            return
        self._undone_s = 0.0
        seen_per_s = done / elapsed_s
        # Seen twice: what a lump of results makes of one stretch nobody can do.
        sure_per_s, self._seen_per_s = min(self._seen_per_s, seen_per_s), seen_per_s
        self._rise(elapsed_s / RISES_S, sure_per_s)
        self._learn_core(elapsed_s, seen_per_s, before[0], mean_core(works))
        self._learn_slots(elapsed_s, done, before[1], in_flight)
        self._learn_else(elapsed_s, seen_per_s, waits=before[2] and waits)

    def _rise(self, share: float, seen_per_s: float) -> None:
        """Take in that a replica can do what it does."""
        if seen_per_s > self._core.per_s:
            self._core.rise(share, seen_per_s)
            self._core.learned = True
        self._by_else.rise(share, seen_per_s)

    def _learn_core(
        self, elapsed_s: float, seen_per_s: float, before: float, core: float | None
    ) -> None:
        if core is not None and min(before, core) >= BUSY_ENOUGH:
            self._core.learn(elapsed_s * core, seen_per_s / core)

    def _learn_slots(self, elapsed_s: float, done: float, before: float, in_flight: float) -> None:
        """Learn what slots allow: their number by the time for which one is taken (Little)."""
        share = in_flight / self._slots
        fades = math.exp(-elapsed_s / MEMORY_S)
        self._held = self._held * fades + in_flight * elapsed_s
        self._held_done = self._held_done * fades + done
        if min(before, share) >= BUSY_ENOUGH:
            busy_s = elapsed_s * min(1.0, (before + share) / 2)
            self._by_slots.learn(busy_s, done / busy_s)
        elif self._by_slots.learned:
            # Few are taken now, but for how long each of them is shows even so.
            quick_per_s = self._slots * self._held_done / max(self._held, 1e-9)
            self._by_slots.rise(1 - math.exp(-elapsed_s / QUICKER_S), quick_per_s)

    def _learn_else(self, elapsed_s: float, seen_per_s: float, *, waits: bool) -> None:
        """Learn what a replica does while work waits that neither core nor slots keep from it.

        The database, say, or the broker. The limit is met again only by trying:
        what the core was seen to allow is gone back to, but slowly.
        """
        core, slots, _waits = self._before
        if waits and max(core, slots) < USED_UP:
            self._by_else.learn(elapsed_s, seen_per_s)
        elif self._by_else.learned and self._core.learned:
            self._by_else.rise(1 - math.exp(-elapsed_s / FORGETS_S), self._core.per_s)
