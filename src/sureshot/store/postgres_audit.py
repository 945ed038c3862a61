"""The audit log: appended to, and read a page at a time."""

from __future__ import annotations

from collections.abc import Sequence

from sureshot.domain.model import AuditEntry
from sureshot.store.postgres_pool import Database
from sureshot.store.postgres_schema import SQL
from sureshot.store.rows import audit_from_row, audit_row, place_before


async def add(database: Database, entries: Sequence[AuditEntry]) -> None:
    """Append *entries*; see ``Store.add_audit``."""
    async with database.transaction(aside=True) as connection:
        await connection.executemany(SQL["insert_audit"], [audit_row(entry) for entry in entries])


async def page(database: Database, tenant: str, after: str | None, limit: int) -> list[AuditEntry]:
    """Return one page; see ``Store.audit``."""
    async with database.connection(aside=True) as connection:
        rows = await connection.fetch(SQL["audit"], tenant, *place_before(after, "aud"), limit)
    return [audit_from_row(row) for row in rows]
