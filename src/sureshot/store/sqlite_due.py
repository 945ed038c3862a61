"""The one query for retries, scheduled webhooks, overflow and orphans, fair by lane."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import apsw

from sureshot.domain.model import Attempt, ErrorKind, Lease, Outcome
from sureshot.ports import Due, LeaseTerms
from sureshot.store.lane_walk import LaneWalk
from sureshot.store.rows import (
    CRASHES_ALLOWED,
    LANES_PER_CALL,
    MICROSECOND,
    NEVER_US,
    SUSPECT_AFTER,
    attempt_row,
    from_us,
    lease_from_row,
    to_us,
)
from sureshot.store.sqlite_rows import SQL, fetch, fetch_one

ClosedLanes = dict[str, tuple[int | None, str]]


class DueQuery:
    """``Store.lease_due`` for SQLite.

    Hops from lane to lane along the partial index of free rows, so that neither
    a closed lane's backlog nor a rich lane's costs more than one hop.
    """

    def __init__(self) -> None:
        self._walk = LaneWalk()
        self._wake_us = NEVER_US

    def lease_due(
        self,
        connection: apsw.Connection,
        limit: int,
        limit_bytes: int,
        per_lane: int,
        now: datetime,
        terms: LeaseTerms,
        closed: ClosedLanes,
        besides: frozenset[str],
    ) -> Due:
        """Take leases; *closed* maps lanes to when they open (µs, None: not by time).

        A half-open lane's entry moves on to the end of its probe's lease.
        """
        now_us = to_us(now)
        grace_us = terms.grace // MICROSECOND
        connection.execute(SQL["void_expired"], (now_us - grace_us,))
        leases: list[Lease] = []
        size = 0
        # A walk over many lanes takes several calls; the time to wake is that of all of them.
        wake_us = self._wake_us if self._walk.under_way else _next_lease_end(connection, grace_us)
        for lane, due_us in self._waiting_lanes(connection):
            opens_us = _opens_us(closed, lane, now_us)
            if opens_us is None or lane in besides:
                continue
            ready_us = max(due_us, opens_us)
            if ready_us <= now_us:
                room = 1 if lane in closed else min(per_lane, limit - len(leases))
                room_bytes = limit_bytes - size
                taken, crashed = _take_from_lane(
                    connection, lane, room, room_bytes, now, terms, alone=not leases
                )
                leases += taken
                if crashed:
                    limit = len(leases)
                size += sum(len(lease.payload) for lease in taken)
                ready_us = _first_due(connection, lane)
                if lane in closed:
                    ready_us = max(ready_us, _close_for_probe(connection, closed, lane, terms))
                if len(leases) >= limit or size >= limit_bytes:
                    self._walk.begin_behind(lane)
                    wake_us = now_us
                    break
            wake_us = min(wake_us, ready_us)
        self._wake_us = wake_us
        if self._walk.under_way:
            wake_us = now_us
        return Due(leases, None if wake_us == NEVER_US else from_us(max(wake_us, now_us)))

    def _waiting_lanes(self, connection: apsw.Connection) -> Iterator[tuple[str, int]]:
        for _ in range(LANES_PER_CALL):
            found = fetch_one(connection, "next_lane", (self._walk.after,))
            lanes = [] if found is None else [found[0]]
            behind_start = found is None or found[0] > self._walk.start
            if self._walk.take(lanes, 1, 0 if behind_start else 1) and found is not None:
                yield found[0], found[1]
            if not self._walk.under_way:
                return


def _next_lease_end(connection: apsw.Connection, grace_us: int) -> int:
    found = fetch_one(connection, "next_lease_end")
    return NEVER_US if found is None or found[0] is None else int(found[0]) + grace_us


def _opens_us(closed: ClosedLanes, lane: str, now_us: int) -> int | None:
    until, _reason = closed.get(lane, (now_us, ""))
    return until


def _close_for_probe(
    connection: apsw.Connection, closed: ClosedLanes, lane: str, terms: LeaseTerms
) -> int:
    until_us, reason = to_us(terms.expires_at), closed[lane][1]
    connection.execute(SQL["close_lane"], (lane, until_us, reason))
    closed[lane] = (until_us, reason)
    return until_us


def _first_due(connection: apsw.Connection, lane: str) -> int:
    found = fetch_one(connection, "first_due_in_lane", (lane,))
    return NEVER_US if found is None else int(found[0])


def _take_from_lane(
    connection: apsw.Connection,
    lane: str,
    room: int,
    room_bytes: int,
    now: datetime,
    terms: LeaseTerms,
    *,
    alone: bool,
) -> tuple[list[Lease], bool]:
    """Return the leases taken, and whether the last one must be worked off alone."""
    due = fetch(connection, "due_in_lane", (lane, to_us(now), room))
    until = to_us(terms.expires_at)
    leases: list[Lease] = []
    for key, crashes in due:
        if crashes >= CRASHES_ALLOWED:
            _fail_crashed(connection, key, now)
            continue
        if crashes >= SUSPECT_AFTER and (leases or not alone):
            break
        row = fetch(connection, "take_lease", (until, terms.owner, key))[0]
        leases.append(lease_from_row(row, terms.expires_at))
        room_bytes -= len(leases[-1].payload)
        if crashes >= SUSPECT_AFTER:
            return leases, True
        if room_bytes <= 0:
            break
    return leases, False


def _fail_crashed(connection: apsw.Connection, key: int, now: datetime) -> None:
    detail = f"the process holding it died {CRASHES_ALLOWED} times"
    outcome = Outcome(None, ErrorKind.WORKER_CRASHED, 0.0, detail=detail)
    number = int(fetch(connection, "fail_crashed", (key,))[0][0])
    row = attempt_row(key, Attempt(number, now, outcome), number)
    connection.execute(SQL["insert_attempt"], row)
