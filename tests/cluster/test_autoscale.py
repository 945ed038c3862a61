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
from sureshot_lab.scaling.live import LivePlan, run_live
from tests.cluster.test_up import Up, up
from tests.support.cluster import Cluster
from tests.support.http import admin

DELAY_S = 0.1
SETTINGS = {
    # A process does 100 webhooks a second at most then, whatever its CPU could do.
    "max_in_flight": "10",
    "scaling_start_rate": "100",
    "scaling_drain_s": "5",
    "scaling_down_after_s": "5",
}


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


@contextlib.asynccontextmanager
async def autoscaled(folder: Path, queue: str = "") -> AsyncIterator[tuple[Cluster, Up]]:
    """Run a deployment of one to three processes, whose receiver takes a while."""
    arguments = ("--autoscale", "1..3")
    async with up(folder, *arguments, queue_url=queue, **SETTINGS) as (deployed, member):
        sink = SinkServer(delay_s=DELAY_S, on_receipt=deployed.ledger.receive)
        deployed.target = f"http://127.0.0.1:{await sink.start()}/"
        try:
            yield deployed, member
        finally:
            await sink.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("queue", "played", "advised"),
    [("", "worker", "worker"), ("memory://", "all", "replica")],
    ids=["rabbitmq", "memory"],
)
async def test_processes_come_and_go_with_the_load_and_nothing_is_refused_or_lost(
    tmp_path: Path, queue: str, played: str, advised: str
) -> None:
    async with autoscaled(tmp_path, queue) as (deployed, member):

        async def grown() -> bool:
            wanted = (await role_of(member, advised))["wanted"]
            return len(of_role(member, played)) >= 2 and wanted > 1

        async def shrunk() -> bool:
            return len(of_role(member, played)) == 1

        assert await shrunk()
        ended = asyncio.Event()
        load = asyncio.create_task(deployed.submit(4, ended, pause_s=0.03))
        await until(grown, 40)
        await asyncio.sleep(2)
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
        first, last = decisions(member)[0], decisions(member)[-1]
        assert first["to"] > first["present"] == 1
        assert "webhooks" in first["reason"]
        assert (last["present"], last["to"]) == (2, 1)


@pytest.mark.slow
async def test_a_stop_in_the_middle_of_growing_leaves_nobody(tmp_path: Path) -> None:
    async with autoscaled(tmp_path) as (deployed, member):
        ended = asyncio.Event()
        load = asyncio.create_task(deployed.submit(6, ended))
        async with asyncio.timeout(40):
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


@pytest.mark.slow
async def test_the_laboratory_measures_it_on_a_live_deployment(tmp_path: Path) -> None:
    plan = LivePlan(most=3, low_s=4, high_s=15, high_per_s=120, down_after_s=5)
    said: list[str] = []
    result = await run_live(plan, tmp_path, said.append)
    assert (result.refused, result.lost, result.incomplete) == (0, 0, "")
    assert result.accepted == result.delivered > 1000
    assert result.most >= 2
    assert result.started_s is not None
    assert result.grown_s is not None
    assert result.shrunk_s is not None
    assert 0 < result.started_s <= result.grown_s
    assert result.shrunk_s >= plan.down_after_s / 2
    assert result.decisions[0].startswith("1 to ")
    assert len(said) >= 2
