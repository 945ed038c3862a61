"""Stopping the real process: SIGTERM drains and exits 0, a second one ends it at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sureshot.cli.sink_server import Behaviour, SinkServer
from sureshot.delivery.batcher import Batcher
from sureshot.telemetry.state_dump import state_text
from tests.crash.crash_cycles import Victim
from tests.support.http import submit, wait_for_status
from tests.support.own_servers import free_port


async def test_sigterm_finishes_what_is_in_flight_and_exits_0(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=1.0)
    target = f"http://127.0.0.1:{await sink.start()}/"
    victim = Victim(tmp_path, free_port())
    await victim.start()
    webhook_id = await submit(victim.url, url=target)
    while not sink.in_flight:
        await asyncio.sleep(0.01)
    assert await victim.kill(signal.SIGTERM) == 0
    assert sink.received == 1
    await victim.start()
    status = await wait_for_status(victim.url, webhook_id, "delivered")
    assert status["attempts"] == 1
    assert await victim.kill(signal.SIGINT) == 0
    assert sink.received == 1
    await sink.stop()


async def test_a_second_sigterm_ends_a_drain_that_hangs_and_loses_nothing(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.HANGING)
    target = f"http://127.0.0.1:{await sink.start()}/"
    victim = Victim(tmp_path, free_port())
    await victim.start()
    webhook_id = await submit(victim.url, url=target)
    while not sink.in_flight:
        await asyncio.sleep(0.01)
    assert victim._process is not None
    began_s = time.monotonic()
    victim._process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.5)
    assert victim._process.returncode is None
    assert await victim.kill(signal.SIGTERM) == 1
    assert time.monotonic() - began_s < 5
    sink.behaviour = Behaviour.OK
    await victim.start()
    await wait_for_status(victim.url, webhook_id, "delivered")
    await victim.kill(signal.SIGTERM)
    await sink.stop()


async def test_sigusr1_writes_what_the_process_is_at_and_it_goes_on(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=1.5)
    target = f"http://127.0.0.1:{await sink.start()}/"
    victim = Victim(tmp_path, free_port())
    await victim.start()
    webhook_id = await submit(victim.url, url=target)
    while not sink.in_flight:
        await asyncio.sleep(0.01)
    assert victim._process is not None
    victim._process.send_signal(signal.SIGUSR1)
    text = await _state_in(tmp_path)
    assert "slots taken: 1 of 10000\n" in text
    assert "sureshot_queue_depth: 0" in text
    assert "Worker.run (" in text
    assert "Scheduler.run (" in text
    assert f"state of process {victim._process.pid}" in (tmp_path / "service.log").read_text()
    status = await wait_for_status(victim.url, webhook_id, "delivered")
    assert status["attempts"] == 1
    assert await victim.kill(signal.SIGTERM) == 0
    await sink.stop()


HOLDS_THE_LOOP = """
import asyncio, sys, time
from sureshot.cli.app import main
from sureshot.service import Service

async def start(service, begin=Service.start):
    await begin(service)
    asyncio.get_running_loop().call_later(0.2, hold_for_ever)

def hold_for_ever():
    print("held", flush=True)
    time.sleep(60)

Service.start = start
sys.argv = ["sureshot", "serve", "--port", "0"]
main()
"""
HANGS_AT_ITS_START = """
import asyncio, sys
from sureshot.cli.app import main
from sureshot.service import Service

async def start_for_ever(service):
    print("held", flush=True)
    await asyncio.sleep(60)

Service.start = start_for_ever
sys.argv = ["sureshot", "serve", "--port", "0"]
main()
"""


@pytest.mark.parametrize(
    ("program", "told"),
    [(HOLDS_THE_LOOP, "in hold_for_ever"), (HANGS_AT_ITS_START, "service: starting")],
    ids=["running", "starting"],
)
async def test_sigusr1_tells_where_a_process_is_stuck_and_does_not_end_it(
    tmp_path: Path, program: str, told: str
) -> None:
    stuck = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program,
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SURESHOT_DATABASE_URL": "sqlite:///stuck.db"},
    )  # fmt: skip
    assert stuck.stdout is not None
    assert stuck.stderr is not None
    async with asyncio.timeout(30):
        while b"held" not in await stuck.stdout.readline():
            pass
        stuck.send_signal(signal.SIGUSR1)
        while told not in (await stuck.stderr.readline()).decode():
            pass
    assert stuck.returncode is None
    stuck.kill()
    await stuck.wait()


async def test_a_state_tells_what_gathers_behind_a_batch_that_is_being_written() -> None:
    go_on = asyncio.Event()

    async def write_slowly(_batch: list[int]) -> None:
        await go_on.wait()

    batcher = Batcher(write_slowly)
    batcher.add(1)
    await asyncio.sleep(0)
    for number in (2, 3, 4):
        batcher.add(number)
    text = state_text({}, asyncio.all_tasks(), datetime(2026, 1, 2, tzinfo=UTC))
    assert "Batcher: 3 waiting, writing: " in text
    assert "write_slowly" in text
    go_on.set()
    await batcher.drain()


async def _state_in(folder: Path) -> str:
    async with asyncio.timeout(10):
        while not (found := list(folder.glob("state-*.txt"))):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
    return found[0].read_text()
