"""Servers of a test's own, which it may kill, freeze and start again on the same data."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path

import aiormq
import asyncpg
import pytest

STARTS_WITHIN_S = 60.0


def free_port() -> int:
    """Return a port nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class OwnServer:
    """A server in a folder and on a port of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="sureshot-server-"))
        self._process: asyncio.subprocess.Process | None = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all of the server's processes."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def kill(self) -> None:
        """End it as a power cut would, as far as the server can tell."""
        assert self._process is not None
        self.send(signal.SIGKILL)
        await self._process.wait()

    async def remove(self) -> None:
        """End it and delete what it kept."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _run(self, *command: str, env: dict[str, str] | None = None) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, env={**os.environ, **(env or {})}, cwd=self.folder,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def log_tail(self) -> str:
        """Return the end of the server's log."""
        return (self.folder / "server.log").read_text(errors="replace")[-2000:]


def _needed(program: str | None, name: str) -> str:
    """Return the program; without it skip the test on a laptop, fail in CI."""
    if program is None:
        told = f"{name} is not installed here: this test kills a server of its own"
        if os.environ.get("CI") == "true":
            raise FileNotFoundError(told)
        pytest.skip(told)
    return program


def _program(name: str, *folders: str) -> str | None:
    for pattern in folders:
        for folder in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True):
            if (folder / name).exists():
                return str(folder / name)
    return shutil.which(name)


class OwnPostgres(OwnServer):
    """A PostgreSQL cluster with ``trust``; as root it runs as the user postgres."""

    @staticmethod
    def program(name: str) -> str | None:
        """Return where a program of PostgreSQL is, or None."""
        return _program(name, "/usr/lib/postgresql/*/bin")

    @property
    def url(self) -> str:
        """The url of its maintenance database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def as_server(self, *command: str) -> list[str]:
        """Return *command* as the user PostgreSQL insists on: never root."""
        if getpass.getuser() == "root":
            return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        return list(command)

    async def start(self) -> None:
        """Start it, on the same data as before; returns once it answers."""
        data = self.folder / "data"
        if not data.exists():
            if getpass.getuser() == "root":
                shutil.chown(self.folder, "postgres")
            initdb = await asyncio.create_subprocess_exec(
                *self.as_server(
                    _needed(self.program("initdb"), "PostgreSQL"),
                    "-D", str(data), "-U", "postgres",
                    "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C",
                ),
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            assert await initdb.wait() == 0
        # A killed server leaves its lock file; the kernel may have reused that process id.
        (data / "postmaster.pid").unlink(missing_ok=True)
        await self._run(
            *self.as_server(
                _needed(self.program("postgres"), "PostgreSQL"),
                "-D", str(data), "-p", str(self.port),
                "-k", str(self.folder), "-c", "listen_addresses=127.0.0.1",
                "-c", "max_connections=200", "-c", "shared_buffers=64MB",
            )
        )  # fmt: skip
        async with asyncio.timeout(STARTS_WITHIN_S):
            while True:
                try:
                    connection = await asyncpg.connect(self.url, timeout=2)
                except (OSError, TimeoutError, asyncpg.PostgresError):
                    assert self._process is not None
                    assert self._process.returncode is None, self.log_tail()
                    await asyncio.sleep(0.05)
                else:
                    await connection.close()
                    return


class OwnRabbitMQ(OwnServer):
    """A RabbitMQ node with a name, a database and ports of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._distribution_port = free_port()

    @staticmethod
    def program() -> str | None:
        """Return where the server's start script is, or None."""
        return _program("rabbitmq-server", "/usr/lib/rabbitmq/bin")

    @property
    def url(self) -> str:
        """Where it speaks AMQP."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    async def start(self) -> None:
        """Start it, on the same data as before; returns once it answers."""
        await self._run(_needed(self.program(), "RabbitMQ"), env=self._environment())
        async with asyncio.timeout(STARTS_WITHIN_S):
            while True:
                try:
                    connection = await aiormq.connect(self.url)
                except (OSError, TimeoutError, aiormq.exceptions.AMQPError):
                    assert self._process is not None
                    assert self._process.returncode is None, self.log_tail()
                    await asyncio.sleep(0.1)
                else:
                    await connection.close()
                    return

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"sureshot{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none-env"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    async def control(self, *arguments: str) -> None:
        """Run ``rabbitmqctl`` against this node."""
        program = _program("rabbitmqctl", "/usr/lib/rabbitmq/bin") or "rabbitmqctl"
        process = await asyncio.create_subprocess_exec(
            program, *arguments, env={**os.environ, **self._environment()},
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert await process.wait() == 0
