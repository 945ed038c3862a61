"""The named queries of the SQLite store, and how their rows are fetched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from sureshot.store.queries import named_queries
from sureshot.store.rows import Row

SQL = named_queries("sqlite.sql")


def fetch(connection: apsw.Connection, query: str, values: Sequence[Any] = ()) -> list[Row]:
    """Return the rows of the named query."""
    return connection.execute(SQL[query], values).fetchall()


def fetch_one(connection: apsw.Connection, query: str, values: Sequence[Any] = ()) -> Row | None:
    """Return the first row of the named query, or None."""
    row: Row | None = connection.execute(SQL[query], values).fetchone()
    return row
