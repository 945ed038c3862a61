"""A deployment in discrete time: replicas that take a while to start, one queue, no losses."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

LATE_S = 1.0
"""The objective: a webhook is taken within a second; the width of a step."""

MODEL = """\
Step by step of one second:

- what arrives joins one queue, first in, first out, as with a broker;
- each ready replica takes up to its capacity; what is taken is delivered in the same step,
  so a webhook is late exactly if it is still queued when its step is over;
- a replica that is added serves some seconds later, and costs from the moment it is added;
- one that is removed stops taking at once, and costs a little longer while it drains;
- a replica's capacity is its core's: CPU is used by the share of it that is taken, the best
  case for a policy that looks at CPU;
- its slots are as many as the service has by default, and far from used up: what is under way
  takes them for as long as a receiver needs (Little's law), and what waits is taken into those
  that are left, so the queue itself looks empty until they are full. Whatever replica took it,
  any may do it: the best case, for every policy;
- a policy that looks at depth is told all that is not done, as a broker counts what is not
  acknowledged; the service's own is told what its heartbeats tell: CPU, slots, the queue.

Left out: replicas that differ, fail or slow each other, limits of the store, retries.
"""


@dataclass(frozen=True)
class Site:
    """What the replicas are like: ``slots`` of each, ``delivery_s`` that a webhook takes one."""

    capacity_per_s: float = 200.0
    starts_s: float = 15.0
    drains_s: float = 2.0
    least: int = 1
    most: int = 20
    slots: int = 10_000
    delivery_s: float = 0.3


@dataclass(frozen=True)
class Seen:
    """One step as policies may see it. ``started_s``: when each replica was added, ready or not.

    ``depth`` is all that waits; ``queued`` of it no replica has taken. ``in_flight`` is what a
    ready replica has in hand, ``used`` the share of a core that it uses.
    """

    at_s: float
    arrived: float
    done: float
    depth: float
    oldest_s: float
    ready: int
    started_s: tuple[float, ...]
    used: float
    queued: float = 0.0
    in_flight: float = 0.0


@dataclass
class Deployment:
    """The state; ``step`` moves it on."""

    site: Site
    begins_with: int
    now_s: float = 0.0
    depth: float = 0.0
    late_s: float = 0.0
    late: float = 0.0
    replica_s: float = 0.0
    _started_s: list[float] = field(default_factory=list)
    _draining_s: list[float] = field(default_factory=list)
    _queue: deque[list[float]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        """Begin with replicas that are ready."""
        self._started_s = [-self.site.starts_s] * self.begins_with

    @property
    def replicas(self) -> int:
        """How many there are, ready or starting."""
        return len(self._started_s)

    def ready(self) -> int:
        """Return how many serve."""
        ready_s = self.now_s - self.site.starts_s
        return sum(1 for at_s in self._started_s if at_s <= ready_s)

    def scale(self, wanted: int) -> None:
        """Add replicas, or remove some, those that are still starting first."""
        while len(self._started_s) < wanted:
            self._started_s.append(self.now_s)
        while len(self._started_s) > wanted:
            began_s = self._started_s.pop()
            if began_s <= self.now_s - self.site.starts_s:
                self._draining_s.append(self.now_s + self.site.drains_s)

    def step(self, arrived: float) -> Seen:
        """Let a second pass in which *arrived* webhooks come."""
        ready = self.ready()
        room = ready * self.site.capacity_per_s
        self.depth += arrived
        done = min(self.depth, room)
        self.depth -= done
        if arrived:
            self._queue.append([self.now_s, arrived])
        self._take(done)
        self._draining_s = [end_s for end_s in self._draining_s if end_s > self.now_s]
        self.replica_s += len(self._started_s) + len(self._draining_s)
        self.now_s += 1.0
        # Each that is still here has been late for the whole of the next step, or will be.
        self.late_s += self.depth
        oldest_s = self.now_s - self._queue[0][0] if self._queue else 0.0
        return Seen(
            self.now_s, arrived, done, self.depth, oldest_s, ready, tuple(self._started_s),
            done / room if room else 0.0, *self._where(done, ready),
        )  # fmt: skip

    def _where(self, done: float, ready: int) -> tuple[float, float]:
        """Return how many of those that wait nobody has taken, and what each replica has."""
        slots = ready * self.site.slots
        under_way = min(slots, done * self.site.delivery_s)
        lying = min(self.depth, slots - under_way)
        return self.depth - lying, (under_way + lying) / ready if ready else 0.0

    def _take(self, count: float) -> None:
        """Take the oldest *count* from the queue; those of an earlier step were late."""
        while count > 0 and self._queue:
            came_s, waiting = self._queue[0]
            taken = min(count, waiting)
            if came_s < self.now_s:
                self.late += taken
            count -= taken
            if taken == waiting:
                self._queue.popleft()
            else:
                self._queue[0][1] -= taken
