"""The processes a benchmark runs, and what the kernel says they cost."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

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
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
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
def nginx(folder: Path) -> Iterator[tuple[int, list[int]]]:
    """Run nginx as a sink answering 200; yields its port and its workers' ids."""
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 200 'ok'; }}
    location = /status {{ stub_status; }}
  }}
}}
"""
    )
    command = [need("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with running(command, folder) as pid:
        wait_for_port(port)
        yield port, children(pid)


@contextlib.contextmanager
def service(folder: Path, **settings: str) -> Iterator[tuple[int, int]]:
    """Run the service in *folder*; yields its port and process id."""
    port = free_port()
    env = {
        "SURESHOT_ALLOWED_NETWORKS": "127.0.0.0/8",
        "SURESHOT_API_TOKEN": "bench-token",
        "SURESHOT_ADMIN_TOKEN": "bench-admin-token",
        "SURESHOT_LOG_LEVEL": "warning",
        **{f"SURESHOT_{name.upper()}": value for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "sureshot", "serve", "--port", str(port)]
    with running(command, folder, env) as pid:
        wait_for_port(port)
        yield port, pid
