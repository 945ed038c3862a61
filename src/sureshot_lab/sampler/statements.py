"""Which SQL statements PostgreSQL spent its time on, from pg_stat_statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from sureshot_lab.errors import LabError
from sureshot_lab.sampler.queries import QUERIES
from sureshot_lab.sampler.source import sentence

HOW_TO = (
    "put shared_preload_libraries = 'pg_stat_statements' into postgresql.conf, restart "
    "PostgreSQL, and run CREATE EXTENSION pg_stat_statements in this database"
)


class StatementsUnavailable(LabError):
    """PostgreSQL does not count statements; the text says what to change."""


@dataclass(frozen=True)
class Statement:
    """One statement, its constants left out. ``total_s``: time executing, of all calls."""

    query: str
    calls: float
    total_s: float
    rows: float
    wal_bytes: float

    @property
    def mean_s(self) -> float:
        """Time executing, of one call."""
        return self.total_s / self.calls if self.calls else 0.0


Counted = Mapping[int, Statement]
"""By PostgreSQL's own id of the statement."""


async def count_statements(connection: asyncpg.Connection) -> Counted:
    """Return what was counted of this database, ever, without the sampler's own.

    Creates the extension where the server has it loaded. Raises ``StatementsUnavailable``.
    """
    state = await connection.fetchrow(QUERIES["statements_state"])
    if not state["loaded"]:
        raise StatementsUnavailable(f"pg_stat_statements is not loaded: {HOW_TO}")
    try:
        if not state["created"]:
            await connection.execute(QUERIES["create_statements"])
        rows = await connection.fetch(QUERIES["statements"])
    except asyncpg.PostgresError as error:
        raise StatementsUnavailable(f"{sentence(error)}: {HOW_TO}") from error
    return {
        row["queryid"]: Statement(
            row["query"], row["calls"], row["total_s"], row["rows"], row["wal_bytes"]
        )
        for row in rows
    }


def statements_between(before: Counted, after: Counted, limit: int) -> list[Statement]:
    """Return what was executed in between, the *limit* that took the most time first."""
    nothing = Statement("", 0.0, 0.0, 0.0, 0.0)
    found = []
    for key, now in after.items():
        then = before.get(key, nothing)
        # Fewer calls than before: the counts were reset in between, and are all new.
        then = nothing if now.calls < then.calls else then
        if now.calls > then.calls:
            found.append(
                Statement(
                    now.query,
                    now.calls - then.calls,
                    now.total_s - then.total_s,
                    now.rows - then.rows,
                    now.wal_bytes - then.wal_bytes,
                )
            )
    return sorted(found, key=lambda one: -one.total_s)[:limit]
