"""The database's clock is set forward: nobody who lives is given up for dead."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from sureshot.delivery.heartbeat import SILENT_S
from sureshot.ports import Beat, Census
from sureshot.service import Service
from tests.support.cluster import SECRET_KEY
from tests.support.servers import fresh_database
from tests.support.service import running_service

STEP = timedelta(minutes=2)
STEPPED_S = 1.5
OLDER = "UPDATE processes SET beat_at = clock_timestamp() - $1::interval WHERE owner = $2"


def _clock_goes_ahead(
    service: Service, server: asyncpg.Connection, other: str, patch: pytest.MonkeyPatch
) -> None:
    """Have *service* read the database's time as it is after the step.

    What *other* beat before it is two minutes old by the new time.
    """
    real = service.store.beat

    async def ahead(beat: Beat) -> Census:
        await server.execute(OLDER, STEP, other)
        census = await real(beat)
        assert census.now is not None
        return msgspec.structs.replace(census, now=census.now + STEP)

    patch.setattr(service.store, "beat", ahead)


@pytest.mark.slow
async def test_a_step_of_its_clock_buries_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fresh_database() as url:
        given: dict[str, Any] = {"database_url": url, "secret_key": SECRET_KEY}
        async with (
            running_service(tmp_path / "a", **given) as one,
            running_service(tmp_path / "b", **given) as other,
        ):
            buried = []
            other.heartbeat.on_rejoin = lambda: buried.append(1)
            # It reads the time as it was: it would see its own beat as old as it never is.
            other.heartbeat.takes_over = False
            await asyncio.sleep(SILENT_S + 1.5)
            server = await asyncpg.connect(url)
            _clock_goes_ahead(one, server, other.owner, monkeypatch)
            await asyncio.sleep(STEPPED_S)
            monkeypatch.undo()
            await server.close()
            await asyncio.sleep(1.5)
            assert buried == []
