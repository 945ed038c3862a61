"""``sureshot up``: restarts what dies, rolls without a failed submission, stops cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, Member, cluster
from tests.support.http import call
from tests.support.own_servers import free_port

WITHIN_S = 60.0


class Up(Member):
    """The supervisor as a member: its port is the API's."""

    async def start(self, *, wait: bool = True) -> None:
        with (self._folder / "up.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sureshot", "up", *self.arguments, "--port", str(self.port),
                env={**os.environ, **self._settings}, cwd=self._folder, stdout=log, stderr=log,
            )  # fmt: skip
        if wait:
            await self.ready()

    arguments: tuple[str, ...] = ()

    def log_lines(self, event: str) -> int:
        return (self._folder / "up.log").read_text().count(event)

    def children(self) -> list[int]:
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(child) for child in text.split()]


@contextlib.asynccontextmanager
async def up(folder: Path, *arguments: str, **settings: str) -> AsyncIterator[tuple[Cluster, Up]]:
    """Run ``sureshot up`` and yield it with the cluster it makes."""
    async with cluster(folder, log_level="info", **settings) as deployed:
        member = Up("api", folder, deployed.settings)
        member.arguments = arguments
        deployed.members.append(member)
        await member.start()
        await _until(lambda: member.log_lines("Sureshot is ready") == 1)
        yield deployed, member


async def _until(condition: object, within_s: float = WITHIN_S) -> None:
    assert callable(condition)
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "queue"),
    [(("--api", "2", "--workers", "2"), ""), (("--replicas", "2"), "memory://")],
    ids=["rabbitmq", "memory"],
)
async def test_a_rolling_restart_under_load_fails_no_submission(
    tmp_path: Path, arguments: tuple[str, ...], queue: str
) -> None:
    async with up(tmp_path, *arguments, queue_url=queue) as (deployed, member):
        ended = asyncio.Event()
        load = asyncio.create_task(deployed.submit(8, ended, pause_s=0.005))
        await asyncio.sleep(1)
        before = set(member.children())
        member.send(signal.SIGHUP)
        await _until(lambda: member.log_lines("supervisor.rolled") == len(before))
        await asyncio.sleep(1)
        ended.set()
        await load
        await deployed.quiet()
        ledger = deployed.ledger
        assert not before & set(member.children())
        assert (ledger.broken, ledger.refused) == (0, {})
        assert len(ledger.accepted) > 100
        assert ledger.lost == set()
        assert await deployed.recorded() == ledger.accepted
        assert ledger.duplicates <= len(ledger.accepted) * 0.01


async def test_a_rolling_restart_keeps_the_ports_of_the_metrics(tmp_path: Path) -> None:
    port = free_port()
    settings = {"queue_url": "memory://", "metrics_port": str(port)}
    async with up(tmp_path, "--replicas", "1", **settings) as (_deployed, member):
        before = member.children()
        member.send(signal.SIGHUP)
        await _until(lambda: member.log_lines("supervisor.rolled") == 1)
        assert not set(before) & set(member.children())
        url = f"http://127.0.0.1:{port}"
        assert (await call(url, "GET", "/readyz", token=None)).status == 200
        assert member.log_lines("supervisor.roll_failed") == 0


async def test_a_child_that_is_killed_comes_back_and_a_stop_leaves_nobody(tmp_path: Path) -> None:
    async with up(tmp_path) as (_deployed, member):
        before = member.children()
        assert len(before) == 3
        os.kill(before[0], signal.SIGKILL)
        await _until(lambda: len(set(member.children()) - set(before)) == 1)
        await _until(lambda: member.log_lines("supervisor.ready") == 4)
        children = member.children()
        assert await member.end(signal.SIGTERM) == 0
        assert not any(Path(f"/proc/{child}").exists() for child in children)


async def test_the_children_of_a_supervisor_that_is_killed_stop_too(tmp_path: Path) -> None:
    async with up(tmp_path) as (_deployed, member):
        children = member.children()
        await member.end(signal.SIGKILL)
        await _until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


@pytest.mark.parametrize(
    ("arguments", "database", "queue", "says"),
    [
        ((), "sqlite:///data/x.db", "memory://", "cannot share a SQLite file"),
        ((), "", "memory://", "--replicas"),
    ],
)
async def test_what_cannot_be_run_is_refused_with_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...], database: str, queue: str, says: str
) -> None:
    settings = {"SURESHOT_DATABASE_URL": database or "postgresql://x@127.0.0.1:1/x",
                "SURESHOT_QUEUE_URL": queue}  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sureshot", "up", *arguments,
        env={**os.environ, **settings}, cwd=tmp_path, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _out, told = await process.communicate()
    assert process.returncode == 2
    assert says in " ".join(told.decode().split())
