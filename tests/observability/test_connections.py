"""The gauges of connections and heartbeat tell what is open, and when the store is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from sureshot.service import Service
from tests.support.cluster import SECRET_KEY
from tests.support.servers import AMQP, POSTGRES, fresh_database, fresh_queue
from tests.support.service import running_service

POOL = 3


@contextlib.asynccontextmanager
async def _running(profile: str, folder: Path) -> AsyncIterator[Service]:
    """Start a service of *profile*: with what it brings, or with PostgreSQL and RabbitMQ."""
    async with contextlib.AsyncExitStack() as stack:
        cluster: dict[str, Any] = {}
        if profile == "postgres":
            cluster = {
                "database_url": await stack.enter_async_context(fresh_database()),
                "queue_url": AMQP,
                "queue_name": await stack.enter_async_context(fresh_queue()),
                "secret_key": SECRET_KEY,
                "database_pool": POOL,
            }
        yield await stack.enter_async_context(running_service(folder, **cluster))


def _gauges(service: Service) -> Mapping[str, float]:
    return {name: value for name, _meaning, value in service.metrics.gauges()}


@pytest.mark.parametrize("profile", ["embedded", "postgres"])
async def test_connections_are_counted(profile: str, tmp_path: Path) -> None:
    async with _running(profile, tmp_path) as service:
        gauges = _gauges(service)
        assert gauges["sureshot_heartbeat_recent"] == 1
        if profile == "embedded":
            assert gauges["sureshot_database_connections"] == 2
            assert gauges["sureshot_broker_connections"] == 0
            return
        assert gauges["sureshot_broker_connections"] == 2
        name = service.settings.database_url.rpartition("/")[2]
        server = await asyncpg.connect(POSTGRES)
        try:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
            async with asyncio.timeout(10):
                while await server.fetchval(query, name) != _connections(service):
                    await asyncio.sleep(0.05)
        finally:
            await server.close()
        assert 2 <= _connections(service) <= POOL + 1


def _connections(service: Service) -> float:
    return _gauges(service)["sureshot_database_connections"]


@pytest.mark.parametrize("profile", ["postgres"])
async def test_a_lost_store_is_a_lost_heartbeat(profile: str, tmp_path: Path) -> None:
    async with _running(profile, tmp_path) as service:
        name = service.settings.database_url.rpartition("/")[2]
        server = await asyncpg.connect(POSTGRES)
        try:
            await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
            )
            async with asyncio.timeout(10):
                while _gauges(service)["sureshot_heartbeat_recent"]:
                    await asyncio.sleep(0.05)
        finally:
            await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await server.close()
        async with asyncio.timeout(10):
            while not _gauges(service)["sureshot_heartbeat_recent"]:
                await asyncio.sleep(0.05)
