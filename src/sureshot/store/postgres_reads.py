"""Looking at webhooks: one, its attempts, a page of many, and how much waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sureshot.domain.ids import format_id, parse_id
from sureshot.domain.model import Attempt, Webhook, WebhookState
from sureshot.ports import Counts, Page, WebhookFilter
from sureshot.store.postgres_pool import Connection, Database
from sureshot.store.postgres_schema import SQL
from sureshot.store.rows import (
    CODES,
    LANES_PER_CALL,
    LISTED,
    ROWS_PER_PAGE,
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

_INDEXED_STATES = {WebhookState.RETRYING, WebhookState.FAILED, WebhookState.CANCELLED}


async def get(
    connection: Connection, tenant: str, webhook_id: str, *, lock: bool = False
) -> Webhook | None:
    """Return one webhook; see ``Store.get``. *lock* keeps others from changing it."""
    parsed = parse_id(webhook_id)
    if parsed is None:
        return None
    query = SQL["webhook_for_update" if lock else "webhook"]
    record = await connection.fetchrow(query, *parsed, tenant)
    if record is None:
        return None
    last = await _last_attempts(connection, [parsed[0]])
    *row, payload = record
    return webhook_from_row(tuple(row), last.get(parsed[0]), payload)


async def attempts(connection: Connection, tenant: str, webhook_id: str) -> list[Attempt]:
    """Return a webhook's attempts; see ``Store.attempts``."""
    if await get(connection, tenant, webhook_id) is None:
        return []
    records = await connection.fetch(SQL["attempts"], key_of(webhook_id))
    return [attempt_from_row(tuple(record)) for record in records]


async def _last_attempts(connection: Connection, keys: list[int]) -> dict[int, Attempt]:
    records = await connection.fetch(SQL["last_attempts"], keys)
    return {record[0]: attempt_from_row(tuple(record)[1:]) for record in records}


async def list_webhooks(
    connection: Connection,
    tenant: str,
    which: WebhookFilter,
    after: str | None,
    limit: int,
    limit_bytes: int,
) -> Page:
    """Return one page; see ``Store.list_webhooks``.

    The inner query walks an index downwards, which is newest first, over a
    bounded number of rows; the outer one drops what does not match.
    """
    values = _Values()
    walked = _walked(LISTED, which, after, values)
    matching = _matching(tenant, which, values)
    records = await connection.fetch(
        f"SELECT * FROM ({walked}) walked WHERE {matching} ORDER BY key DESC LIMIT {limit}",  # noqa: S608
        *values.given,
    )
    cut = len(records) == limit
    if limit_bytes:
        sizes = dict(await connection.fetch(SQL["payload_sizes"], _keys(records)))
        fit = fitting([sizes.get(key, 0) for key in _keys(records)], limit_bytes)
        cut = cut or fit < len(records)
        records = records[:fit]
    items = await _listed(connection, records, payloads=limit_bytes > 0)
    if cut:
        return Page(items, format_id(records[-1]["key"], records[-1]["tail"]))
    inner = _Values()
    walked = _walked("key", which, after, inner)
    end = await connection.fetchval(
        f"SELECT key FROM ({walked}) walked OFFSET {ROWS_PER_PAGE - 1}",  # noqa: S608
        *inner.given,
    )
    return Page(items, None if end is None else place_id(end))


def _keys(records: list[Any]) -> list[int]:
    return [record["key"] for record in records]


async def _listed(connection: Connection, records: list[Any], *, payloads: bool) -> list[Webhook]:
    """Return the webhooks of *records*; with *payloads* those that are still there."""
    last = await _last_attempts(connection, _keys(records))
    read = dict.fromkeys(_keys(records), b"")
    if payloads:
        read = dict(await connection.fetch(SQL["payloads"], _keys(records)))
    return [
        webhook_from_row(tuple(one), last.get(one["key"]), read[one["key"]])
        for one in records
        if one["key"] in read
    ]


class _Values:
    """Collects the parameters of a query; each is known by its place."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def add(self, value: Any) -> str:
        self.given.append(value)
        return f"${len(self.given)}"


def _walked(columns: str, which: WebhookFilter, after: str | None, values: _Values) -> str:
    where = ["true"]
    if which.state in _INDEXED_STATES:
        # A literal, not a parameter: only then does the partial index apply.
        where.append(f"state = {CODES[which.state]}")
    elif which.endpoint_id is not None:
        where.append(f"endpoint_id = {values.add(which.endpoint_id)}")
    if after is not None:
        where.append(f"key < {values.add(key_of(after))}")
    if which.until is not None:
        where.append(f"key < {values.add(key_beyond(which.until))}")
    if which.since is not None:
        where.append(f"key >= {values.add(first_key(which.since))}")
    conditions = " AND ".join(where)
    return (
        f"SELECT {columns} FROM webhooks WHERE {conditions} "  # noqa: S608
        f"ORDER BY key DESC LIMIT {ROWS_PER_PAGE}"
    )


def _matching(tenant: str, which: WebhookFilter, values: _Values) -> str:
    where = [f"tenant = {values.add(tenant)}"]
    if which.state is not None:
        where.append(f"state = {CODES[which.state]}")
    if which.endpoint_id is not None:
        where.append(f"endpoint_id = {values.add(which.endpoint_id)}")
    if which.event_type is not None:
        where.append(f"event_type = {values.add(which.event_type)}")
    if which.since is not None:
        where.append(f"created_at >= {values.add(to_us(which.since))}")
    if which.until is not None:
        where.append(f"created_at < {values.add(to_us(which.until))}")
    return " AND ".join(where)


async def counts(database: Database, now: datetime) -> Counts:
    """Return how much waits; see ``Store.counts``."""
    async with database.connection() as connection:
        free, leased = await connection.fetchrow(SQL["counts"])
        lanes = []
        if free:
            lanes = await connection.fetch(SQL["waiting_lanes"], "", LANES_PER_CALL, "")
    sendable = (sendable_us(lane["due_at"], lane["until"], lane["reason"]) for lane in lanes)
    return Counts(free + leased, free, oldest_overdue(sendable, now))


async def latest_id(connection: Connection) -> str | None:
    """Return the highest id; see ``Store.latest_id``."""
    found = await connection.fetchrow(SQL["latest"])
    return None if found is None else format_id(found["key"], found["tail"])


async def failing(
    connection: Connection, endpoint_ids: Sequence[str], since: datetime
) -> list[str]:
    """Return who fails all the time; see ``Store.failing``."""
    records = await connection.fetch(
        SQL["failing"], list(endpoint_ids), first_key(since), to_us(since)
    )
    return [record["id"] for record in records]
