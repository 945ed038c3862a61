"""Stopping the real process: SIGTERM drains and exits 0, a second one ends it at once."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from pathlib import Path

from sureshot.cli.sink_server import Behaviour, SinkServer
from tests.crash.crash_cycles import Victim
from tests.support.http import submit, wait_for_status


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_sigterm_finishes_what_is_in_flight_and_exits_0(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=1.0)
    target = f"http://127.0.0.1:{await sink.start()}/"
    victim = Victim(tmp_path, _free_port())
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
    victim = Victim(tmp_path, _free_port())
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
