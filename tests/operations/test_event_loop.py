"""What a service tells of its event loop: how late it is, and which callback held it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest
import uvloop

from sureshot.telemetry.logging import configure_logging
from sureshot.telemetry.slow_callbacks import Held, SlowCallbacks
from tests.support.http import call
from tests.support.service import running_service

pytestmark = pytest.mark.alone

HOLD_S = 0.1


class Slow(asyncio.Protocol):
    """A protocol whose callback sleeps: what a blocking call in a receiver's path does."""

    def data_received(self, data: bytes) -> None:
        time.sleep(HOLD_S)


def compute(seconds: float) -> None:
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s:
        pass


async def _send_to_slow() -> None:
    server = await asyncio.get_running_loop().create_server(Slow, "127.0.0.1", 0)
    _reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"x")
    await asyncio.sleep(3 * HOLD_S)
    writer.close()
    server.close()


async def _step() -> None:
    await asyncio.sleep(0.01)
    compute(HOLD_S)


async def _many_short() -> None:
    for _ in range(40):
        asyncio.get_running_loop().call_soon(compute, 0.005)
    await asyncio.sleep(0.3)


async def _watched(what: str) -> list[Held]:
    held: list[Held] = []
    watch = SlowCallbacks(0.04, held.append)
    watch.start()
    await {"protocol": _send_to_slow, "task": _step, "many": _many_short}[what]()
    await asyncio.sleep(0.05)
    watch.stop()
    return held


def _lag_count(text: str, edge: str = "+Inf") -> float:
    name = f'sureshot_event_loop_lag_seconds_bucket{{le="{edge}"}} '
    return next(float(line.removeprefix(name)) for line in text.split("\n") if name in line)


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_protocol_that_sleeps_is_named_and_was_on_no_cpu(loop: object) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type]
        (held,) = runner.run(_watched("protocol"))
    assert held.callback == "Slow.data_received"
    assert Path(held.where.rpartition(":")[0]) == Path(__file__)
    assert held.at.startswith("Slow.data_received ")
    assert held.held_s == pytest.approx(HOLD_S, rel=0.5)
    assert held.cpu_s < HOLD_S / 2


@pytest.mark.skipif(sys.platform != "linux", reason="the CPU of a thread is told by Linux")
def test_a_step_of_a_task_that_computes_is_named_with_what_it_was_at() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        (held,) = runner.run(_watched("task"))
    assert (held.callback, held.at.split(" ")[0]) == ("_watched", "compute")
    assert held.held_s == pytest.approx(HOLD_S, rel=0.5)
    assert held.cpu_s > 0.2 * HOLD_S


def test_many_short_callbacks_in_a_row_are_not_one_long_one() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(_watched("many")) == []


async def test_a_service_told_to_look_logs_what_held_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_service(tmp_path, slow_callback_s=0.04):
        configure_logging("warning", "json")
        await _send_to_slow()
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    slow = [one for one in told if one.get("callback") == "Slow.data_received"]
    assert [one["event"] for one in slow] == ["loop.held"]
    assert slow[0]["held_s"] == pytest.approx(HOLD_S, rel=0.5)


async def test_a_held_loop_is_late_at_metrics(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        await asyncio.sleep(0.9)
        before = (await call(service.url, "GET", "/metrics", token=None)).body.decode()
        assert _lag_count(before) >= 2
        time.sleep(0.6)  # noqa: ASYNC251 - the fault
        await asyncio.sleep(0.4)
        after = (await call(service.url, "GET", "/metrics", token=None)).body.decode()
    late = _lag_count(after) - _lag_count(after, "0.25")
    assert late > _lag_count(before) - _lag_count(before, "0.25")
