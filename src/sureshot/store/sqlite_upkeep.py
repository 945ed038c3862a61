"""What the SQLite store has done to it from time to time: forgetting, a new key."""

from __future__ import annotations

from datetime import datetime

import apsw

from sureshot.store.rows import first_key, from_us, to_us
from sureshot.store.sealing import KINDS, Sealer
from sureshot.store.sqlite_rows import SQL, fetch


def forget_before(connection: apsw.Connection, before: datetime, limit: int) -> int:
    """Delete some finished webhooks and events that are old; see ``Store.forget_before``."""
    ((oldest_key,),) = fetch(connection, "oldest_key")
    if oldest_key is not None:
        before = min(before, from_us(oldest_key))
    keys = fetch(connection, "old_finished", (first_key(before), limit))
    connection.executemany(SQL["forget_attempts"], keys)
    connection.executemany(SQL["forget_webhook"], keys)
    connection.execute(SQL["forget_old_events"], (first_key(before), limit))
    return len(keys) + connection.changes()


def forget_keys(connection: apsw.Connection, before: datetime, limit: int) -> int:
    """Delete some idempotency keys; see ``Store.forget_keys``."""
    forgotten = 0
    for query in ("forget_old_keys", "forget_old_event_keys"):
        connection.execute(SQL[query], (to_us(before), limit))
        forgotten += connection.changes()
    return forgotten


def forget_audit(connection: apsw.Connection, before: datetime, limit: int) -> int:
    """Delete some entries of the audit log; see ``Store.forget_audit``."""
    connection.execute(SQL["forget_old_audit"], (first_key(before), limit))
    return connection.changes()


def reencrypt(connection: apsw.Connection, sealer: Sealer) -> int:
    """Encrypt every document anew; see ``Store.reencrypt``."""
    count = 0
    for kind in KINDS:
        for key, document in fetch(connection, "documents", (kind,)):
            sealed = sealer.reseal(kind, key, document)
            connection.execute(SQL["put_document"], (kind, key, sealed))
            count += 1
    return count
