"""How much room a SQLite database takes on the disk."""

from __future__ import annotations

from pathlib import Path

from sureshot_lab.sampler.source import Source


class DatabaseFiles(Source):
    """``sqlite.database_bytes`` and ``sqlite.wal_bytes`` of the database at *path*."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(f"{path.name}-wal")

    async def read(self) -> dict[str, float]:
        """Return both sizes; raises ``FileNotFoundError`` while there is no database."""
        return {
            "sqlite.database_bytes": self._path.stat().st_size,
            # No log is an empty one: SQLite deletes it with the last connection.
            "sqlite.wal_bytes": self._wal.stat().st_size if self._wal.exists() else 0,
        }

    async def close(self) -> None:
        """Nothing is held open between two reads."""
