"""The one query for retries, scheduled webhooks, overflow and orphans, fair by lane."""

from __future__ import annotations

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
    ) -> Due:
        """See ``Store.lease_due``."""
        now_us = to_us(now)
        async with database.connection() as connection:
            paused, next_end = await connection.fetchrow(SQL["paused_and_next_end"])
            if paused:
                return Due([], None)
            if next_end is not None and next_end <= now_us:
                await connection.execute(SQL["void_expired"], now_us)
                next_end = None
            wake_us = self._wake_us if self._walk.under_way else NEVER_US
            wake_us = min(wake_us, next_end or NEVER_US)
            lanes = await self._lanes(connection)
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
            found = await connection.fetch(SQL["waiting_lanes"], self._walk.after, asked)
            lanes += found[: self._walk.take([lane["lane"] for lane in found], asked)]
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
    half_open = [lane["lane"] for lane in ready if lane["closed"]]
    probes = set()
    if half_open:
        # Whoever moves the closing on has the probe; the others find the lane closed.
        records = await connection.fetch(SQL["claim_probes"], half_open, terms_us, to_us(now))
        probes = {record["lane"] for record in records}
    wanted = [lane for lane in ready if not lane["closed"] or lane["lane"] in probes]
    rooms = [1 if lane["closed"] else per_lane for lane in wanted]
    picked = await connection.fetch(
        SQL["pick_due"], [lane["lane"] for lane in wanted], rooms, to_us(now), limit
    )
    chosen, crashed, cut = _choose(picked, limit_bytes)
    for key in crashed:
        await _fail_crashed(connection, key, now)
    if not chosen:
        return [], bool(crashed), None
    records = await connection.fetch(SQL["take_leases"], chosen, terms_us, terms.owner)
    by_key = {record["key"]: lease_from_row(tuple(record), terms.expires_at) for record in records}
    limited = len(picked) == limit or cut
    full = limited or _a_lane_is_full(picked, wanted, per_lane)
    last_lane = by_key[chosen[-1]].lane if limited and chosen[-1] in by_key else None
    return [by_key[key] for key in chosen if key in by_key], full, last_lane


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


def _a_lane_is_full(picked: list[Any], wanted: list[Any], per_lane: int) -> bool:
    counts: dict[str, int] = {}
    for row in picked:
        counts[row["lane"]] = counts.get(row["lane"], 0) + 1
    closed = {lane["lane"] for lane in wanted if lane["closed"]}
    return any(count >= per_lane for lane, count in counts.items() if lane not in closed)


async def _fail_crashed(connection: Connection, key: int, now: datetime) -> None:
    detail = f"the process holding it died {CRASHES_ALLOWED} times"
    outcome = Outcome(None, ErrorKind.WORKER_CRASHED, 0.0, detail=detail)
    number = int(await connection.fetchval(SQL["fail_crashed"], key))
    row = attempt_row(key, Attempt(number, now, outcome), number)
    await connection.execute(SQL["insert_attempt"], *row)
