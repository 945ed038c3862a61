"""Recording attempts and moving leases: every write here is fenced by the lease's token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import apsw
import msgspec

from sureshot.domain.model import FINAL, Lease, Result, WebhookState
from sureshot.ports import LeaseTerms
from sureshot.store.rows import (
    CODES,
    STATES,
    SUSPECT_AFTER,
    attempt_row,
    decision_row,
    delivered_at_us,
    key_of,
    keys_and_tokens,
    to_us,
)
from sureshot.store.sqlite_rows import SQL, fetch_one

_DELIVERED = CODES[WebhookState.DELIVERED]


def record(connection: apsw.Connection, results: Sequence[Result]) -> list[bool]:
    """Apply *results*; see ``Store.record``.

    All leases are expected to be current, which one count proves; only when it
    does not add up is each result looked at alone.
    """
    decisions, attempts = [], []
    for result in results:
        key = key_of(result.lease.webhook_id)
        attempts.append(attempt_row(key, result.attempt, result.lease.attempt_number))
        decisions.append(decision_row(key, result, result.lease.attempt_number))
    connection.execute("SAVEPOINT record")
    before = connection.total_changes()
    try:
        connection.executemany(SQL["apply_decision"], decisions)
        current = connection.total_changes() - before == len(decisions)
        if current:
            connection.executemany(SQL["insert_attempt"], attempts)
    except apsw.ConstraintError:
        # A late attempt has taken the number this lease was promised.
        current = False
    if not current:
        connection.execute("ROLLBACK TO record")
    connection.execute("RELEASE record")
    if current:
        return [True] * len(results)
    return [_record_one(connection, result) for result in results]


def _record_one(connection: apsw.Connection, result: Result) -> bool:
    key = key_of(result.lease.webhook_id)
    found = fetch_one(connection, "attempts_made", (key,))
    if found is None:
        return False
    attempts, code, token = found
    number = attempts + 1
    connection.execute(SQL["insert_attempt"], attempt_row(key, result.attempt, number))
    if token == result.lease.token and STATES[code] not in FINAL:
        connection.execute(SQL["apply_decision"], decision_row(key, result, number))
        return True
    connection.execute(SQL["count_attempt"], (number, key))
    if result.decision.state is WebhookState.DELIVERED and STATES[code] not in FINAL:
        connection.execute(SQL["finish_late"], (delivered_at_us(result), key))
    return False


def renew(connection: apsw.Connection, leases: Sequence[Lease], terms: LeaseTerms) -> list[Lease]:
    """Extend what is still ours; see ``Store.renew``."""
    until = to_us(terms.expires_at)
    renewed = []
    for lease, (key, token) in zip(leases, keys_and_tokens(leases), strict=True):
        connection.execute(SQL["renew"], (until, terms.owner, key, token))
        if connection.changes():
            renewed.append(
                msgspec.structs.replace(lease, token=token + 1, expires_at=terms.expires_at)
            )
    return renewed


def suspect(connection: apsw.Connection, leases: Sequence[Lease]) -> None:
    """Free what may be killing its processes; see ``Store.suspect``."""
    rows = [(SUSPECT_AFTER, key, token) for key, token in keys_and_tokens(leases)]
    connection.executemany(SQL["suspect"], rows)


def release(connection: apsw.Connection, leases: Sequence[Lease], due_at: datetime | None) -> None:
    """Free what is still ours; see ``Store.release``."""
    due = None if due_at is None else to_us(due_at)
    rows = [(due, key, token) for key, token in keys_and_tokens(leases)]
    connection.executemany(SQL["release"], rows)
