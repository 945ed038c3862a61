"""PostgreSQL and RabbitMQ for tests: where they are, and a place of one's own in them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiormq
import asyncpg

POSTGRES = os.environ.get(
    "SURESHOT_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
HOW_TO = (
    "PostgreSQL and RabbitMQ: start them on this machine (`docker compose up postgres rabbitmq`), "
    "or set SURESHOT_TEST_POSTGRES_URL and SURESHOT_TEST_AMQP_URL"
)
AMQP = os.environ.get("SURESHOT_TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/")


@contextlib.asynccontextmanager
async def fresh_database() -> AsyncIterator[str]:
    """Yield the url of an empty database that is dropped afterwards."""
    name = f"sureshot_test_{secrets.token_hex(6)}"
    server = await asyncpg.connect(POSTGRES)
    try:
        await server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{POSTGRES.rpartition('/')[0]}/{name}"
        finally:
            await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def fresh_queue() -> AsyncIterator[str]:
    """Yield the name of a broker's queue that is deleted afterwards."""
    name = f"sureshot-test-{secrets.token_hex(6)}"
    try:
        yield name
    finally:
        connection = await aiormq.connect(AMQP)
        channel = await connection.channel()
        for queue in (name, f"{name}.dead-letter"):
            await channel.queue_delete(queue)
        await connection.close()


def missing_servers() -> str:
    """Return what keeps cluster tests from running here, or nothing.

    With ``CI=true`` they are installed and started, and never skipped: what is
    missing then fails the run.
    """
    problem = asyncio.run(_unreachable())
    if problem and os.environ.get("CI") == "true":
        # Tests run in several processes: one installs, the others find it done.
        with Path(tempfile.gettempdir(), "sureshot-servers.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if asyncio.run(_unreachable()):
                _install()
        problem = asyncio.run(_unreachable(patience_s=60))
        if problem:
            raise RuntimeError(f"{problem}; in CI these tests are not skipped")
    return f"{problem}. Cluster tests need {HOW_TO}" if problem else ""


async def _unreachable(patience_s: float = 0.0) -> str:
    until_s = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            await (await asyncio.wait_for(asyncpg.connect(POSTGRES), 5)).close()
            await (await asyncio.wait_for(aiormq.connect(AMQP), 5)).close()
        except (OSError, TimeoutError, asyncpg.PostgresError, aiormq.exceptions.AMQPError) as error:
            if asyncio.get_running_loop().time() > until_s:
                return f"a server is missing ({error})"
            await asyncio.sleep(0.5)
        else:
            return ""


def _install() -> None:
    """Install and start both servers: a bare Debian machine, as root."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RuntimeError(f"not root on Debian, so nothing can be installed: {HOW_TO}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
    subprocess.run(["apt-get", "update", "-q"], check=True, env=quiet)
    packages = ["postgresql", "rabbitmq-server"]
    subprocess.run(["apt-get", "install", "-y", "-q", *packages], check=True, env=quiet)
    for rules in Path("/etc/postgresql").glob("*/main/pg_hba.conf"):
        text = rules.read_text()
        rules.write_text("host all all 127.0.0.1/32 trust\n" + text)
    for command in (["postgresql", "restart"], ["rabbitmq-server", "start"]):
        subprocess.run(["service", *command], check=True, env=quiet)
