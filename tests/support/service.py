"""A real service in the test's own process: real sockets, real SQLite."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sureshot.config import Settings
from sureshot.ports import Clock
from sureshot.service import Service

API_TOKEN = "test-api-token"
ADMIN_TOKEN = "test-admin-token"


def settings(folder: Path, **changes: Any) -> Settings:
    """Return settings of a service that may deliver to this machine."""
    values: dict[str, Any] = {
        "database_url": f"sqlite:///{folder}/sureshot.db",
        "port": 0,
        "api_token": API_TOKEN,
        "admin_token": ADMIN_TOKEN,
        "allowed_networks": ("127.0.0.0/8", "::1/128"),
        "drain_s": 5.0,
        "log_level": "error",
        **changes,
    }
    return Settings(**values)


@contextlib.asynccontextmanager
async def running_service(
    folder: Path, *, clock: Clock | None = None, **changes: Any
) -> AsyncIterator[Service]:
    """Start a service in *folder*; it is drained and stopped when the block ends."""
    service = Service(settings(folder, **changes), clock)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()
