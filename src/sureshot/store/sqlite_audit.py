"""The audit log: appended to, and read a page at a time."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from sureshot.domain.model import AuditEntry
from sureshot.store.rows import audit_from_row, audit_row, place_before
from sureshot.store.sqlite_rows import SQL, fetch


def add(connection: apsw.Connection, entries: Sequence[AuditEntry]) -> None:
    """Append *entries*; see ``Store.add_audit``."""
    connection.executemany(SQL["insert_audit"], [audit_row(entry) for entry in entries])


def page(
    connection: apsw.Connection, tenant: str, after: str | None, limit: int
) -> list[AuditEntry]:
    """Return one page; see ``Store.audit``."""
    rows = fetch(connection, "audit", (tenant, *place_before(after, "aud"), limit))
    return [audit_from_row(row) for row in rows]
