"""The processes a benchmark runs, and what the kernel says they cost."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import aiormq
import asyncpg

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
HOW_TO_GET = "install it with your distribution's packages, for example: apt-get install {name}"


class Missing(Exception):
    """A program the benchmark needs is not installed."""


def need(name: str) -> str:
    """Return the path of a program; raises ``Missing`` with how to get it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Missing(f"{name} is missing; " + HOW_TO_GET.format(name=name))
    return found


def free_port() -> int:
    """Return a TCP port nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_s(pids: list[int]) -> float:
    """Return user and system time of whole processes, all threads, in seconds."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


@contextlib.contextmanager
def running(command: list[str], cwd: Path, env: dict[str, str] | None = None) -> Iterator[int]:
    """Run a command until the block ends, then stop it with SIGTERM."""
    log = (cwd / f"{Path(command[0]).name}.log").open("ab")
    process = subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=log, stderr=log
    )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def wait_for_port(port: int, within_s: float = 20.0) -> None:
    """Wait until something listens on *port*."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port} after {within_s} s")


@contextlib.contextmanager
def nginx(folder: Path, answer: str = "200 'ok'") -> Iterator[tuple[int, list[int]]]:
    """Run nginx giving the same *answer* to all; yields its port and its workers' ids."""
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return {answer}; }}
    location = /status {{ stub_status; }}
  }}
}}
"""
    )
    command = [need("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with running(command, folder) as pid:
        wait_for_port(port)
        while not children(pid):
            # It listens before it has workers.
            time.sleep(0.01)
        yield port, children(pid)


ENVIRONMENT = {
    "SURESHOT_ALLOWED_NETWORKS": "127.0.0.0/8",
    "SURESHOT_API_TOKEN": "bench-token",
    "SURESHOT_ADMIN_TOKEN": "bench-admin-token",
    "SURESHOT_SECRET_KEY": base64.b64encode(b"k" * 32).decode(),
    "SURESHOT_LOG_LEVEL": "warning",
}


class Deployment(NamedTuple):
    """A running service: where its API and a worker's metrics are, its processes, what it needs."""

    port: int
    service: list[int]
    backing: tuple[str, ...] = ()
    worker_port: int = 0
    database_url: str = ""

    def backing_pids(self) -> list[int]:
        """Return the database's and the broker's processes as they are now."""
        return [pid for name in self.backing for pid in processes_named(name)]


Deploy = Callable[..., AbstractContextManager[Deployment]]


def _environment(settings: dict[str, str]) -> dict[str, str]:
    return ENVIRONMENT | {f"SURESHOT_{name.upper()}": value for name, value in settings.items()}


@contextlib.contextmanager
def service(folder: Path, **settings: str) -> Iterator[Deployment]:
    """Run the service as one process in *folder*."""
    port = free_port()
    command = [sys.executable, "-m", "sureshot", "serve", "--port", str(port)]
    with running(command, folder, _environment(settings)) as pid:
        wait_for_port(port)
        yield Deployment(port, [pid], worker_port=port)


@contextlib.contextmanager
def replica(folder: Path, **settings: str) -> Iterator[Deployment]:
    """Run one process with every role on a fresh PostgreSQL database, queue in memory."""
    with fresh_database() as url, service(folder, database_url=url, **settings) as made:
        yield made._replace(backing=("postgres",), database_url=url)


@contextlib.contextmanager
def cluster(folder: Path, workers: int = 1, **settings: str) -> Iterator[Deployment]:
    """Run API, workers and scheduler as processes on fresh PostgreSQL and RabbitMQ."""
    with contextlib.ExitStack() as stack:
        settings["database_url"] = stack.enter_context(fresh_database())
        settings["queue_url"] = os.environ.get("BENCH_AMQP_URL", AMQP_URL)
        settings["queue_name"] = f"bench-{secrets.token_hex(4)}"
        stack.callback(delete_queue, settings["queue_url"], settings["queue_name"])
        ports, pids = [], []
        for role in ["api", "scheduler", *["worker"] * workers]:
            ports.append(free_port())
            command = [sys.executable, "-m", "sureshot", "serve", "--role", role, "--port",
                       str(ports[-1])]  # fmt: skip
            pids.append(stack.enter_context(running(command, folder, _environment(settings))))
            wait_for_port(ports[-1])
        yield Deployment(
            ports[0], pids, ("postgres", "beam.smp"), ports[-1], settings["database_url"]
        )


POSTGRES_URL = "postgresql://postgres@127.0.0.1:5432/postgres"
AMQP_URL = "amqp://guest:guest@127.0.0.1:5672/"


@contextlib.contextmanager
def fresh_database() -> Iterator[str]:
    """Create an empty database and drop it at the end; yields its url."""
    server = os.environ.get("BENCH_POSTGRES_URL", POSTGRES_URL)
    name = f"sureshot_bench_{secrets.token_hex(4)}"

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(server)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute(f"CREATE DATABASE {name}"))
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        asyncio.run(execute(f"DROP DATABASE {name} WITH (FORCE)"))


def delete_queue(url: str, name: str) -> None:
    """Delete a benchmark's queues."""

    async def delete() -> None:
        connection = await aiormq.connect(url)
        channel = await connection.channel()
        for queue in (name, f"{name}.dead-letter"):
            await channel.queue_delete(queue)
        await connection.close()

    asyncio.run(delete())


def processes_named(name: str) -> list[int]:
    """Return the ids of all processes of that name."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text().strip() == name:
                    found.append(int(entry.name))
    return found
