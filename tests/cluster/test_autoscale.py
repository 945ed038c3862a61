"""``sureshot up --autoscale``: processes come and go with the load, and nobody notices."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sureshot.cli.sink_server import SinkServer
from tests.cluster.test_up import Up, up
from tests.support.cluster import Cluster
from tests.support.http import admin

SLOTS = 10
DELAY_S = 0.1
"""A worker does 100 webhooks a second then, whatever its CPU could do."""

SETTINGS = {
    "max_in_flight": str(SLOTS),
    "scaling_start_rate": "100",
    "scaling_drain_s": "5",
    "scaling_down_after_s": "5",
}


@contextlib.asynccontextmanager
async def slow_receiver(deployed: Cluster) -> AsyncIterator[None]:
    """Have the cluster send to a receiver that takes a while."""
    sink = SinkServer(delay_s=DELAY_S, on_receipt=deployed.ledger.receive)
    deployed.target = f"http://127.0.0.1:{await sink.start()}/"
    try:
        yield
    finally:
        await sink.stop()


def of_role(member: Up, role: str) -> list[int]:
    """Return the living children of *role*."""
    found = []
    for pid in member.children():
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"--role" in line and line[line.index(b"--role") + 1] == role.encode():
                found.append(pid)
    return found


async def role_of(member: Up, role: str) -> dict[str, Any]:
    answer = await admin(member.url, "GET", "/api/v1/admin/scaling")
    found: dict[str, Any] = answer.json["roles"][role]
    return found


async def until(condition: Any, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(0.2)


def decisions(member: Up) -> list[dict[str, Any]]:
    """Return the log's lines about the number of processes."""
    text = (member._folder / "up.log").read_text()
    lines = [line for line in text.splitlines() if '"autoscaler.scaled"' in line]
    return [msgspec.json.decode(line) for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("queue", "played", "advised"),
    [("", "worker", "worker"), ("memory://", "all", "replica")],
    ids=["rabbitmq", "memory"],
)
async def test_processes_come_and_go_with_the_load_and_nothing_is_refused_or_lost(
    tmp_path: Path, queue: str, played: str, advised: str
) -> None:
    async with up(tmp_path, "--autoscale", "1..3", queue_url=queue, **SETTINGS) as (deployed, one):
        async with slow_receiver(deployed):
            assert len(of_role(one, played)) == 1
            ended = asyncio.Event()
            load = asyncio.create_task(deployed.submit(6, ended, pause_s=0.02))

            async def grown() -> bool:
                return (
                    len(of_role(one, played)) >= 2 and (await role_of(one, advised))["wanted"] > 1
                )

            async def shrunk() -> bool:
                return len(of_role(one, played)) == 1

            await until(grown, 30)
            await asyncio.sleep(3)
            ended.set()
            await load
            await deployed.quiet()
            await until(shrunk, 40)
            ledger = deployed.ledger
            assert (ledger.broken, ledger.refused) == (0, {})
            assert len(ledger.accepted) > 100
            assert ledger.lost == set()
            assert await deployed.recorded() == ledger.accepted
            assert ledger.duplicates == 0
            up_first, down_last = decisions(one)[0], decisions(one)[-1]
            assert up_first["to"] > up_first["present"] == 1
            assert "webhooks" in up_first["reason"]
            assert (down_last["present"], down_last["to"]) == (2, 1)


async def test_a_stop_in_the_middle_of_growing_leaves_nobody(tmp_path: Path) -> None:
    async with up(tmp_path, "--autoscale", "1..3", **SETTINGS) as (deployed, member):
        async with slow_receiver(deployed):
            ended = asyncio.Event()
            load = asyncio.create_task(deployed.submit(6, ended))
            async with asyncio.timeout(30):
                while not decisions(member):
                    await asyncio.sleep(0.02)
            children = member.children()
            ended.set()
            assert await member.end(signal.SIGTERM) == 0
            await load
            assert not any(Path(f"/proc/{child}").exists() for child in children)


@pytest.mark.parametrize("bounds", ["3", "0..3", "4..2", "1-3"])
async def test_bounds_that_make_no_sense_are_refused_with_a_sentence(
    tmp_path: Path, bounds: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sureshot", "up", "--autoscale", bounds,
        cwd=tmp_path, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _out, told = await process.communicate()
    assert process.returncode == 2
    assert "must be like 1..4" in " ".join(told.decode().split())
