"""How far each process has come, from one of its heartbeats to the next."""

from __future__ import annotations

from dataclasses import dataclass

from sureshot.delivery.heartbeat import SILENT_S
from sureshot.domain.scaling.work import Work
from sureshot.ports import Beat, Census, Peer

REMEMBERS_S = 600.0
NEWS_S = 0.1
"""Two heartbeats of a process are further apart than the instants of one differ."""


@dataclass(frozen=True, slots=True)
class Risen:
    """How far a process has come since the census before.

    ``published`` and ``taken`` are leases; ``work`` is what it did between its own last two
    heartbeats, None while there is no new one, or no time to hold it against.
    """

    peer: Peer
    published: int = 0
    taken: int = 0
    work: Work | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """A process's last heartbeat, and the one of *since_s* from which its work is reckoned."""

    last: Beat
    since: Beat
    since_s: float


class Progress:
    """Keeps everybody's counters, for a while also of those who fell silent and may be back."""

    def __init__(self) -> None:
        self._beats: dict[str, _Known] = {}
        self._first = True

    def risen(self, census: Census, now_s: float) -> list[Risen]:
        """Return how far the living have come; *now_s* counts if the store has no clock."""
        now_s = now_s if census.now is None else census.now.timestamp()
        living = [peer for peer in census.peers if peer.silent_s < SILENT_S]
        risen = [self._rise(peer, now_s - peer.silent_s) for peer in living]
        since_s = now_s - REMEMBERS_S
        self._beats = {owner: one for owner, one in self._beats.items() if one.since_s > since_s}
        self._first = False
        return risen

    def _rise(self, peer: Peer, at_s: float) -> Risen:
        """Return what *peer* did since; all it ever did if it is new, nothing the first time."""
        beat, found = peer.beat, self._beats.get(peer.owner)
        if found is None:
            self._beats[peer.owner] = _Known(beat, beat, at_s)
            return Risen(peer) if self._first else Risen(peer, beat.published, beat.taken)
        is_news = at_s - found.since_s >= NEWS_S
        since = (beat, at_s) if is_news else (found.since, found.since_s)
        self._beats[peer.owner] = _Known(beat, *since)
        return Risen(
            peer,
            beat.published - found.last.published,
            beat.taken - found.last.taken,
            _work(found.since, beat, at_s - found.since_s) if is_news else None,
        )


def _work(before: Beat, beat: Beat, elapsed_s: float) -> Work | None:
    """Return what was done between two heartbeats of one role, as the role counts it.

    An API process has done what it published; others what they took and hold no more: what
    only fills their slots is not delivered.
    """
    if elapsed_s > SILENT_S or before.role != beat.role:
        return None
    if beat.role == "api":
        done = beat.published - before.published
    else:
        done = (beat.taken - beat.in_flight) - (before.taken - before.in_flight)
    told = before.cpu_s > 0 and beat.cpu_s > 0
    cpu = max(0.0, beat.cpu_s - before.cpu_s) / elapsed_s if told else None
    starved = max(0.0, beat.starved_s - before.starved_s) / elapsed_s
    return Work(elapsed_s, max(0, done), beat.in_flight, cpu, starved)
