"""Looking at webhooks: one, its attempts, a page of many, and how much waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import apsw

from sureshot.domain.ids import format_id, parse_id
from sureshot.domain.model import Attempt, Webhook, WebhookState
from sureshot.ports import Counts, Page, WebhookFilter
from sureshot.store.rows import (
    CODES,
    LANES_PER_CALL,
    LISTED,
    ROWS_PER_PAGE,
    Row,
    attempt_from_row,
    first_key,
    fitting,
    key_beyond,
    key_of,
    oldest_overdue,
    place_id,
    sendable_us,
    to_us,
    webhook_from_row,
)
from sureshot.store.sqlite_lanes import Rows as ClosedRows
from sureshot.store.sqlite_rows import fetch, fetch_one

_INDEXED_STATES = {WebhookState.RETRYING, WebhookState.FAILED, WebhookState.CANCELLED}


def get(connection: apsw.Connection, tenant: str, webhook_id: str) -> Webhook | None:
    """Return one webhook; see ``Store.get``."""
    parsed = parse_id(webhook_id)
    if parsed is None:
        return None
    row = fetch_one(connection, "webhook", (*parsed, tenant))
    if row is None:
        return None
    last = fetch_one(connection, "last_attempt", (parsed[0],))
    return webhook_from_row(row[:-1], None if last is None else attempt_from_row(last), row[-1])


def attempts(connection: apsw.Connection, tenant: str, webhook_id: str) -> list[Attempt]:
    """Return a webhook's attempts; see ``Store.attempts``."""
    if get(connection, tenant, webhook_id) is None:
        return []
    rows = fetch(connection, "attempts", (key_of(webhook_id),))
    return [attempt_from_row(row) for row in rows]


def list_webhooks(
    connection: apsw.Connection,
    tenant: str,
    which: WebhookFilter,
    after: str | None,
    limit: int,
    limit_bytes: int,
) -> Page:
    """Return one page; see ``Store.list_webhooks``.

    The payload is the last column: a row that is walked without it costs the
    same whatever the payload's size.
    """
    where, values = _conditions(which, after)
    # An id is ordered by time, so walking the key downwards is newest first.
    rows = connection.execute(
        f"SELECT {LISTED} FROM webhooks WHERE {where} ORDER BY key DESC LIMIT ?",  # noqa: S608 - fixed parts
        (*values, ROWS_PER_PAGE),
    )
    found: list[Row] = []
    seen, last = 0, None
    for row in rows:
        seen, last = seen + 1, row
        if _matches(row, tenant, which):
            found.append(row)
            if len(found) == limit:
                break
    kept = found
    if limit_bytes:
        sizes = [fetch_one(connection, "payload_size", (row[0],)) or (0,) for row in found]
        kept = found[: fitting([size for (size,) in sizes], limit_bytes)]
    items = [_listed(connection, row, payload=limit_bytes > 0) for row in kept]
    there = [item for item in items if item is not None]
    if len(kept) == limit or len(kept) < len(found):
        return Page(there, format_id(*kept[-1][:2]))
    return Page(there, None if last is None or seen < ROWS_PER_PAGE else place_id(last[0]))


def _conditions(which: WebhookFilter, after: str | None) -> tuple[str, list[object]]:
    where, values = ["1"], list[object]()
    if which.state in _INDEXED_STATES:
        # A literal, not a parameter: only then does the partial index apply.
        where.append(f"state = {CODES[which.state]}")
    elif which.endpoint_id is not None:
        where.append("endpoint_id = ?")
        values.append(which.endpoint_id)
    if after is not None:
        where.append("key < ?")
        values.append(key_of(after))
    if which.until is not None:
        where.append("key < ?")
        values.append(key_beyond(which.until))
    if which.since is not None:
        where.append("key >= ?")
        values.append(first_key(which.since))
    return " AND ".join(where), values


def _matches(row: Row, tenant: str, which: WebhookFilter) -> bool:
    state, created_at, row_tenant, endpoint_id, event_type = (
        row[2],
        row[10],
        row[13],
        row[14],
        row[17],
    )
    return (
        row_tenant == tenant
        and (which.state is None or state == CODES[which.state])
        and (which.endpoint_id is None or endpoint_id == which.endpoint_id)
        and (which.event_type is None or event_type == which.event_type)
        and (which.since is None or created_at >= to_us(which.since))
        and (which.until is None or created_at < to_us(which.until))
    )


def _listed(connection: apsw.Connection, row: Row, *, payload: bool) -> Webhook | None:
    """Return the webhook of *row*; None when its *payload* is wanted and was just deleted."""
    last = fetch_one(connection, "last_attempt", (row[0],)) if row[8] else None
    read = fetch_one(connection, "payload", (row[0],)) if payload else (b"",)
    if read is None:
        return None
    return webhook_from_row(row, None if last is None else attempt_from_row(last), read[0])


def counts(connection: apsw.Connection, now: datetime, closed: ClosedRows) -> Counts:
    """Return how much waits; see ``Store.counts``. *closed*: the closed lanes."""
    ((free,),) = fetch(connection, "count_free")
    ((leased,),) = fetch(connection, "count_leased")
    sendable = _sendable(connection, closed) if free else ()
    return Counts(free + leased, free, oldest_overdue(sendable, now))


def _sendable(connection: apsw.Connection, closed: ClosedRows) -> Iterator[int]:
    """Yield since when each lane's first webhook is not held back."""
    lane = ""
    for _ in range(LANES_PER_CALL):
        found = fetch_one(connection, "next_lane", (lane,))
        if found is None:
            return
        lane, due_us = found
        yield sendable_us(due_us, *closed.get(lane, (None, None)))


def latest_id(connection: apsw.Connection) -> str | None:
    """Return the highest id; see ``Store.latest_id``."""
    found = fetch_one(connection, "latest")
    return None if found is None else format_id(found[0], found[1])


def failing(connection: apsw.Connection, endpoint_ids: Sequence[str], since: datetime) -> list[str]:
    """Return who fails all the time; see ``Store.failing``."""
    bounds = (first_key(since), to_us(since))
    return [one for one in endpoint_ids if fetch_one(connection, "failing", (one, *bounds))]
