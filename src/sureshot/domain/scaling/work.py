"""What replicas did, each between two heartbeats of its own, and what of that tells how busy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """One replica did ``done`` webhooks in ``elapsed_s``, and then had ``in_flight`` in hand.

    The time is the replica's own, from one heartbeat to the next: a starved one beats late,
    and what it did until then is no more a second than that was. ``cpu`` is the share of a
    core that it used, None when it does not tell.
    """

    elapsed_s: float
    done: float
    in_flight: float = 0.0
    cpu: float | None = None


def replica_s(works: Sequence[Work]) -> float:
    """Return the seconds of replicas that *works* tell of."""
    return sum(work.elapsed_s for work in works)


def mean_in_flight(works: Sequence[Work]) -> float:
    """Return how many webhooks a replica has in hand; *works* must not be empty."""
    return sum(work.in_flight * work.elapsed_s for work in works) / replica_s(works)


def mean_cpu(works: Sequence[Work]) -> float | None:
    """Return the share of a core that a replica uses, None when none of them tells."""
    told = [(work.elapsed_s, work.cpu) for work in works if work.cpu is not None]
    if not told:
        return None
    return sum(elapsed_s * cpu for elapsed_s, cpu in told) / sum(elapsed_s for elapsed_s, _ in told)
