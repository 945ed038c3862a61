"""A standby takes over from the primary: submissions go on, nothing that was accepted is lost."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest

from tests.support.cluster import cluster
from tests.support.load import submit_many
from tests.support.own_servers import OwnPostgres


async def _run(server: OwnPostgres, name: str, *arguments: str) -> None:
    program = OwnPostgres.program(name)
    assert program is not None
    process = await asyncio.create_subprocess_exec(
        *server.as_server(program, *arguments), cwd="/", stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


async def _execute(server: OwnPostgres, *statements: str) -> None:
    connection = await asyncpg.connect(server.url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def _with_standby(primary: OwnPostgres, standby: OwnPostgres) -> None:
    """Start *standby* as a synchronous copy of *primary*."""
    rules = primary.folder / "data" / "pg_hba.conf"
    rules.write_text("host replication all 127.0.0.1/32 trust\n" + rules.read_text())
    await _execute(primary, "SELECT pg_reload_conf()", "CREATE DATABASE app")
    if primary.as_server("x") != ["x"]:
        shutil.chown(standby.folder, "postgres")
    where = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres")
    await _run(primary, "pg_basebackup", *where, "-D", str(standby.folder / "data"), "-R",
               "-c", "fast")  # fmt: skip
    await standby.start()
    await _execute(
        primary, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"
    )


@pytest.mark.slow
async def test_a_promoted_standby_is_used_and_knows_everything(tmp_path: Path) -> None:
    primary, standby = OwnPostgres(), OwnPostgres()
    try:
        await primary.start()
        await _with_standby(primary, standby)
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://postgres@{hosts}/app?target_session_attrs=read-write"
        async with cluster(tmp_path, "all", database_url=url, queue_url="memory://") as deployed:
            before = await submit_many(deployed.url, 200, deployed.target)
            await deployed.quiet(20)
            await primary.kill()
            assert (await submit_many(deployed.url, 20, deployed.target)).refused == {503: 20}
            await _run(standby, "pg_ctl", "promote", "-D", str(standby.folder / "data"))
            await _execute(
                standby, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()"
            )
            async with asyncio.timeout(20):
                while not (await submit_many(deployed.url, 1, deployed.target)).accepted:
                    await asyncio.sleep(0.1)
            after = await submit_many(deployed.url, 200, deployed.target)
            await deployed.quiet(20)
            accepted = set(before.accepted) | set(after.accepted)
            assert len(accepted) == 400
            assert accepted <= await deployed.recorded()
    finally:
        await primary.remove()
        await standby.remove()
