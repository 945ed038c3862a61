"""What replicas did, each between two heartbeats of its own, and what of that tells how busy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """One replica did ``done`` webhooks in ``elapsed_s``, and then had ``in_flight`` in hand.

    The time is the replica's own, from one heartbeat to the next: a starved one beats late,
    and what it did until then is no more a second than that was. ``cpu`` is the share of a
    core that it used, None when it does not tell; for ``starved`` of the time it wanted one
    that others had.
    """

    elapsed_s: float
    done: float
    in_flight: float = 0.0
    cpu: float | None = None
    starved: float = 0.0

    @property
    def core(self) -> float | None:
        """The share of the time in which it used a core or wanted one, None when unknown.

        More than all of it is threads beside the one that serves; they are not the limit.
        """
        return None if self.cpu is None else min(1.0, self.cpu + self.starved)


def replica_s(works: Sequence[Work]) -> float:
    """Return the seconds of replicas that *works* tell of."""
    return sum(work.elapsed_s for work in works)


def mean_in_flight(works: Sequence[Work]) -> float:
    """Return how many webhooks a replica has in hand; *works* must not be empty."""
    return sum(work.in_flight * work.elapsed_s for work in works) / replica_s(works)


def mean_cpu(works: Sequence[Work]) -> float | None:
    """Return the share of a core that a replica uses, None when none of them tells."""
    return _mean([(work.elapsed_s, work.cpu) for work in works if work.cpu is not None])


def mean_core(works: Sequence[Work]) -> float | None:
    """Return for what share of the time a replica uses a core or wants one, None if unknown."""
    return _mean([(work.elapsed_s, work.core) for work in works if work.core is not None])


def _mean(weighed: Sequence[tuple[float, float]]) -> float | None:
    if not weighed:
        return None
    return sum(weight * one for weight, one in weighed) / sum(weight for weight, _one in weighed)
