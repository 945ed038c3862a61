"""A lost PostgreSQL comes back from a dump taken under load, whatever the broker remembers."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from pathlib import Path

import aiormq
import asyncpg
import pytest

from tests.support.cluster import Cluster, cluster
from tests.support.disaster import hold_to, promises_around, receivers
from tests.support.own_servers import OwnPostgres
from tests.support.servers import AMQP, POSTGRES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROLES = ("api", "worker", "scheduler")
SHORT_WAITS = {"lease_s": "12", "timeout_s": "2", "breaker_open_s": "0.5"}


async def _run(program: str, *arguments: str) -> None:
    """Run a tool of PostgreSQL; without it skip the test on a laptop, fail in CI."""
    found = OwnPostgres.program(program)
    if found is None:
        told = f"{program} is not installed here: this test dumps and restores a database"
        if os.environ.get("CI") == "true":
            raise FileNotFoundError(told)
        pytest.skip(told)
    process = await asyncio.create_subprocess_exec(
        found, *arguments, stderr=asyncio.subprocess.PIPE
    )
    _out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert not err, err.decode()


async def _recreate(url: str) -> None:
    """Lose the database, and have an empty one of that name."""
    name = url.rpartition("/")[2]
    server = await asyncpg.connect(POSTGRES)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.execute(f"CREATE DATABASE {name}")
    await server.close()


async def _delete_queue(deployed: Cluster) -> None:
    connection = await aiormq.connect(AMQP)
    channel = await connection.channel()
    await channel.queue_delete(deployed.settings["SURESHOT_QUEUE_NAME"])
    await connection.close()


async def _kill_all(deployed: Cluster) -> None:
    for member in deployed.members:
        await member.end(signal.SIGKILL)


async def _start_all(deployed: Cluster) -> None:
    await asyncio.gather(*(member.start() for member in deployed.members))


@pytest.mark.slow
@pytest.mark.parametrize("broker", ["wiped", "as it was"])
async def test_a_lost_database_comes_back_from_a_dump_taken_under_load(
    tmp_path: Path, broker: str
) -> None:
    dump = tmp_path / "copy.dump"
    async with (
        cluster(tmp_path, *ROLES, **SHORT_WAITS) as deployed,
        receivers(deployed) as found,
    ):
        url = deployed.settings["SURESHOT_DATABASE_URL"]

        async def back_up() -> None:
            await _run("pg_dump", "--format=custom", f"--file={dump}", url)

        promises = await promises_around(deployed, found, back_up)
        await _kill_all(deployed)
        await _recreate(url)
        if broker == "wiped":
            await _delete_queue(deployed)
        found.start_anew()
        await _run("pg_restore", "--exit-on-error", f"--dbname={url}", str(dump))
        waiting = await _waiting(url)
        await _start_all(deployed)
        await hold_to(promises, deployed, found)
        if broker == "wiped":
            # What was recorded as final is not sent again; all the rest is, and the new one.
            assert len(set(found.got)) == waiting + 1


async def _waiting(url: str) -> int:
    """Return how many webhooks the restored database holds that are not final."""
    connection = await asyncpg.connect(url)
    count = await connection.fetchval("SELECT count(*) FROM webhooks WHERE state < 2")
    await connection.close()
    return int(count)


@pytest.mark.slow
async def test_webhooks_that_lay_in_the_broker_need_no_broker(tmp_path: Path) -> None:
    """Backed up with nobody to send them: all are promised, leased and in the queue only."""
    dump = tmp_path / "copy.dump"
    async with (
        cluster(tmp_path, "api", "scheduler", **SHORT_WAITS) as deployed,
        receivers(deployed) as found,
    ):
        url = deployed.settings["SURESHOT_DATABASE_URL"]

        async def back_up() -> None:
            await _run("pg_dump", "--format=custom", f"--file={dump}", url)

        promises = await promises_around(deployed, found, back_up)
        assert found.got == []
        await _kill_all(deployed)
        await _recreate(url)
        await _delete_queue(deployed)
        await _run("pg_restore", "--exit-on-error", f"--dbname={url}", str(dump))
        assert await _waiting(url) >= len(promises.before | promises.retried)
        found.start_anew()
        await _start_all(deployed)
        await deployed.add("worker")
        await hold_to(promises, deployed, found)


@pytest.mark.slow
async def test_restored_processes_are_given_up_for_dead(tmp_path: Path) -> None:
    """The dump holds heartbeats of processes that no longer exist; their leases are freed."""
    dump = tmp_path / f"{secrets.token_hex(4)}.dump"
    async with cluster(tmp_path, "all", queue_url="memory://", lease_s="3600") as deployed:
        url = deployed.settings["SURESHOT_DATABASE_URL"]
        deployed.sink.behaviour = deployed.sink.behaviour.HANGING
        enough = asyncio.Event()
        load = asyncio.create_task(deployed.submit(2, enough, pause_s=0.05))
        await asyncio.sleep(1)
        before = set(deployed.ledger.accepted)
        await _run("pg_dump", "--format=custom", f"--file={dump}", url)
        enough.set()
        await load
        await _kill_all(deployed)
        await _recreate(url)
        await _run("pg_restore", "--exit-on-error", f"--dbname={url}", str(dump))
        deployed.sink.behaviour = deployed.sink.behaviour.OK
        deployed.ledger.received.clear()
        await _start_all(deployed)
        await deployed.quiet()
        assert before
        assert before <= deployed.ledger.received.keys()
