"""The adapters under contract: a second one is added here, and nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sureshot.ports import Store
from sureshot.store.postgres import PostgresStore
from sureshot.store.sealing import Sealer
from sureshot.store.sqlite import SqliteStore
from tests.support.clock import NOON
from tests.support.servers import fresh_database

Reopen = Callable[[], Awaitable[Store]]

SEALER = Sealer(b"k" * 32)


@pytest.fixture(params=["sqlite", "postgres"])
async def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reopen]:
    """Return a function that opens the same store anew, as a restarted process would."""
    opened: list[Store] = []
    async with contextlib.AsyncExitStack() as stack:
        url = ""
        if request.param == "postgres":
            url = await stack.enter_async_context(fresh_database())

        async def again() -> Store:
            for store in opened:
                await store.close()
            opened.append(
                PostgresStore(url, SEALER) if url else SqliteStore(tmp_path / "store.db", SEALER)
            )
            await opened[-1].open(NOON, f"p_{len(opened)}")
            return opened[-1]

        yield again
        for store in opened:
            await store.close()


@pytest.fixture
async def store(reopen: Reopen) -> Store:
    """Return an empty store."""
    return await reopen()
