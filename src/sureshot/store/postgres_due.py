"""The one query for retries, scheduled webhooks, overflow and orphans, fair by lane."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from sureshot.domain.model import Attempt, ErrorKind, Lease, Outcome
from sureshot.ports import Due, LeaseTerms
from sureshot.store.lane_walk import LaneWalk
from sureshot.store.postgres_pool import Connection, Database
from sureshot.store.postgres_schema import SQL
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


class DueQuery:
    """``Store.lease_due`` for PostgreSQL.

    One recursive query hops from lane to lane along the partial index of free
    rows, so that neither a closed lane's backlog nor a rich lane's costs more
    than one hop; a second locks the rows that are due (SKIP LOCKED), a third
    leases them.
    """

    def __init__(self) -> None:
        # Two on one walk would move it on for each other, and meet a lane twice.
        self._turn = asyncio.Lock()
        self._walk = LaneWalk()
        self._wake_us = NEVER_US

    async def lease_due(
        self,
        database: Database,
        limit: int,
        limit_bytes: int,
        per_lane: int,
        now: datetime,
        terms: LeaseTerms,
        besides: frozenset[str],
    ) -> Due:
        """See ``Store.lease_due``."""
        now_us = to_us(now)
        async with self._turn, database.connection() as connection:
            paused, next_end = await connection.fetchrow(SQL["paused_and_next_end"])
            if paused:
                return Due([], None)
            wake_us = self._wake_us if self._walk.under_way else NEVER_US
            grace_us = terms.grace // MICROSECOND
            if next_end is not None and next_end + grace_us <= now_us:
                await connection.execute(SQL["void_expired"], now_us - grace_us)
            elif next_end is not None:
                wake_us = min(wake_us, next_end + grace_us)
            lanes = [one for one in await self._lanes(connection) if one["lane"] not in besides]
            ready, later_us = _ready(lanes, now_us)
            wake_us = min(wake_us, later_us)
            leases: list[Lease] = []
            if ready:
                terms_us = to_us(terms.expires_at)
                async with connection.transaction():
                    leases, more, last_lane = await _take(
                        connection, ready, limit, limit_bytes, per_lane, now, terms, terms_us
                    )
                if last_lane is not None:
                    self._walk.begin_behind(last_lane)
                if more:
                    wake_us = now_us
                else:
                    names = [lane["lane"] for lane in ready]
                    again, later_us = _ready(
                        await connection.fetch(SQL["first_due"], names), now_us
                    )
                    wake_us = min(wake_us, later_us, *(lane["due_at"] for lane in again))
        self._wake_us = wake_us
        if self._walk.under_way:
            wake_us = now_us
        return Due(leases, None if wake_us == NEVER_US else from_us(max(wake_us, now_us)))

    async def _lanes(self, connection: Connection) -> list[Any]:
        """Return the next lanes of the walk with something waiting."""
        lanes: list[Any] = []
        while len(lanes) < LANES_PER_CALL:
            asked = LANES_PER_CALL - len(lanes)
            walk = self._walk
            found = await connection.fetch(SQL["waiting_lanes"], walk.after, asked, walk.start)
            up_to_start = sum(1 for lane in found if lane["up_to_start"])
            lanes += found[: walk.take([lane["lane"] for lane in found], asked, up_to_start)]
            if not self._walk.under_way:
                break
        return lanes


def _ready(lanes: list[Any], now_us: int) -> tuple[list[Any], int]:
    """Return the lanes with something due, and when the first of the others has."""
    ready, later_us = [], NEVER_US
    for lane in lanes:
        if lane["closed"] and lane["until"] is None:
            continue
        ready_us = max(lane["due_at"], lane["until"] or 0)
        if ready_us <= now_us:
            ready.append(lane)
        else:
            later_us = min(later_us, ready_us)
    return ready, later_us


async def _take(
    connection: Connection,
    ready: list[Any],
    limit: int,
    limit_bytes: int,
    per_lane: int,
    now: datetime,
    terms: LeaseTerms,
    terms_us: int,
) -> tuple[list[Lease], bool, str | None]:
    """Return the leases taken, whether more is likely due at once, and where a limit was met."""
    rooms = [1 if lane["closed"] else per_lane for lane in ready]
    picked = await connection.fetch(
        SQL["pick_due"], [lane["lane"] for lane in ready], rooms, to_us(now), limit
    )
    chosen, crashed, cut = _choose(picked, limit_bytes)
    for key in crashed:
        await _fail_crashed(connection, key, now)
    half_open = {lane["lane"] for lane in ready if lane["closed"]}
    chosen = await _with_probes(connection, picked, chosen, half_open, terms_us, now)
    if not chosen:
        return [], bool(crashed), None
    records = await connection.fetch(SQL["take_leases"], chosen, terms_us, terms.owner)
    by_key = {record["key"]: lease_from_row(tuple(record), terms.expires_at) for record in records}
    limited = len(picked) == limit or cut
    full = limited or _a_lane_is_full(picked, half_open, per_lane)
    last_lane = by_key[chosen[-1]].lane if limited and chosen[-1] in by_key else None
    return [by_key[key] for key in chosen if key in by_key], full, last_lane


async def _with_probes(
    connection: Connection,
    picked: list[Any],
    chosen: list[int],
    half_open: set[str],
    terms_us: int,
    now: datetime,
) -> list[int]:
    """Return *chosen* without what is of half-open lanes whose probe somebody else has.

    Whoever moves a lane's closing on has its probe. Only what is leased claims one:
    a probe that is not made would keep its lane closed for the time of a lease.
    """
    taken = set(chosen)
    lane_of = {row["key"]: row["lane"] for row in picked if row["key"] in taken}
    asked = sorted(half_open.intersection(lane_of.values()))
    if not asked:
        return chosen
    records = await connection.fetch(SQL["claim_probes"], asked, terms_us, to_us(now))
    closed = set(asked) - {record["lane"] for record in records}
    return [key for key in chosen if lane_of[key] not in closed]


def _choose(picked: list[Any], limit_bytes: int) -> tuple[list[int], list[int], bool]:
    """Return the keys to lease, those that crashed too often, and whether some were left."""
    chosen: list[int] = []
    crashed: list[int] = []
    size = 0
    for row in picked:
        if row["crashes"] >= CRASHES_ALLOWED:
            crashed.append(row["key"])
        elif row["crashes"] >= SUSPECT_AFTER:
            if not chosen:
                return [row["key"]], crashed, True
            return chosen, crashed, True
        else:
            chosen.append(row["key"])
            size += row["size"]
            if size >= limit_bytes:
                return chosen, crashed, True
    return chosen, crashed, False


def _a_lane_is_full(picked: list[Any], half_open: set[str], per_lane: int) -> bool:
    counts: dict[str, int] = {}
    for row in picked:
        counts[row["lane"]] = counts.get(row["lane"], 0) + 1
    return any(count >= per_lane for lane, count in counts.items() if lane not in half_open)


async def _fail_crashed(connection: Connection, key: int, now: datetime) -> None:
    detail = f"the process holding it died {CRASHES_ALLOWED} times"
    outcome = Outcome(None, ErrorKind.WORKER_CRASHED, 0.0, detail=detail)
    number = int(await connection.fetchval(SQL["fail_crashed"], key))
    row = attempt_row(key, Attempt(number, now, outcome), number)
    await connection.execute(SQL["insert_attempt"], *row)
