"""Recording attempts and moving leases: every write here is fenced by the lease's token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from sureshot.domain.model import FINAL, Lease, Result, WebhookState
from sureshot.ports import LeaseTerms
from sureshot.store.postgres_pool import Connection, Database
from sureshot.store.postgres_schema import SQL
from sureshot.store.rows import (
    STATES,
    SUSPECT_AFTER,
    attempt_row,
    decision_row,
    delivered_at_us,
    key_of,
    keys_and_tokens,
    to_us,
)


async def record(database: Database, results: Sequence[Result]) -> list[bool]:
    """Log *results* and apply what is current; see ``Store.record``.

    One statement does it for every lease that still is what it was. What is
    left (the lease moved on) is looked at one by one; that part may be tried
    again after a lost connection without logging anything twice.
    """
    if not results:
        return []
    async with database.connection() as connection:
        try:
            current = await connection.fetch(SQL["record"], *_columns(results))
        except asyncpg.UniqueViolationError:
            # A late attempt has taken the number some lease was promised.
            current = []
    done = {(key, token) for key, token in current}
    left = [one for one in results if (key_of(one.lease.webhook_id), one.lease.token) not in done]
    flags = {}
    if left:
        async with database.transaction() as connection:
            for result in sorted(left, key=lambda one: one.lease.webhook_id):
                flags[result.lease.webhook_id, result.lease.token] = await _record_one(
                    connection, result
                )
    return [flags.get((one.lease.webhook_id, one.lease.token), True) for one in results]


def _columns(results: Sequence[Result]) -> list[Any]:
    rows = []
    for result in results:
        lease = result.lease
        key = key_of(lease.webhook_id)
        state, due_at, delivered_at, number, step, _key, token = decision_row(
            key, result, lease.attempt_number
        )
        attempt = attempt_row(key, result.attempt, number)
        rows.append((key, token, state, due_at, delivered_at, number, step, *attempt[2:]))
    return [list(column) for column in zip(*rows, strict=True)]


async def _record_one(connection: Connection, result: Result) -> bool:
    key = key_of(result.lease.webhook_id)
    found = await connection.fetchrow(SQL["lock_webhook"], key)
    if found is None:
        return False
    attempts, code, token = found
    number = attempts + 1
    row = attempt_row(key, result.attempt, number)
    promised = result.lease.attempt_number
    if await connection.fetchval(SQL["same_attempt"], key, promised, row[2], row[3]):
        # Written before, by a call whose answer was lost on its way.
        return True
    await connection.execute(SQL["insert_attempt"], *row)
    if token == result.lease.token and STATES[code] not in FINAL:
        await connection.execute(SQL["apply_decision"], *decision_row(key, result, number))
        return True
    await connection.execute(SQL["count_attempt"], number, key)
    if result.decision.state is WebhookState.DELIVERED and STATES[code] not in FINAL:
        await connection.execute(SQL["finish_late"], delivered_at_us(result), key)
    return False


def _keys_and_tokens(leases: Sequence[Lease]) -> list[list[int]]:
    return [list(column) for column in zip(*keys_and_tokens(leases), strict=True)]


async def renew(database: Database, leases: Sequence[Lease], terms: LeaseTerms) -> list[Lease]:
    """Extend what is still ours; see ``Store.renew``."""
    if not leases:
        return []
    async with database.connection() as connection:
        records = await connection.fetch(
            SQL["renew"], *_keys_and_tokens(leases), to_us(terms.expires_at), terms.owner
        )
    ours = {record["key"] for record in records}
    return [
        msgspec.structs.replace(lease, token=lease.token + 1, expires_at=terms.expires_at)
        for lease in leases
        if key_of(lease.webhook_id) in ours
    ]


async def suspect(database: Database, leases: Sequence[Lease]) -> None:
    """Free what may be killing its processes; see ``Store.suspect``."""
    if leases:
        async with database.connection() as connection:
            await connection.execute(SQL["suspect"], *_keys_and_tokens(leases), SUSPECT_AFTER)


async def release(database: Database, leases: Sequence[Lease], due_at: datetime | None) -> None:
    """Free what is still ours; see ``Store.release``."""
    if leases:
        due = None if due_at is None else to_us(due_at)
        async with database.connection() as connection:
            await connection.execute(SQL["release"], *_keys_and_tokens(leases), due)
