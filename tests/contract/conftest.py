"""The adapters under contract: a second one is added here, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sureshot.ports import Store
from sureshot.store.sealing import Sealer
from sureshot.store.sqlite import SqliteStore
from tests.support.clock import NOON

Reopen = Callable[[], Awaitable[Store]]


@pytest.fixture(params=["sqlite"])
async def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reopen]:
    """Return a function that opens the same store anew, as a restarted process would."""
    opened: list[Store] = []

    async def again() -> Store:
        for store in opened:
            await store.close()
        assert request.param == "sqlite"
        store = SqliteStore(tmp_path / "contract.db", Sealer(b"k" * 32))
        await store.open(NOON, f"p_{len(opened) + 1}")
        opened.append(store)
        return store

    yield again
    for store in opened:
        await store.close()


@pytest.fixture
async def store(reopen: Reopen) -> Store:
    """Return an empty store."""
    return await reopen()
