"""A sink as a process: what it saw comes back, and it never stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.scenario import Behaviour, Sink
from sureshot_lab.sink.address import listening_host
from sureshot_lab.sink.process import SinkFailed, SinkProcess
from sureshot_lab.sink.reconciliation import reconcile
from tests.lab.sink.webhooks import OTHER, SECRET, signed, timed, webhook
from tests.support.http import exchange

ORPHANING = """
import asyncio, sys
from pathlib import Path
from sureshot_lab.scenario import Sink
from sureshot_lab.sink.process import SinkProcess

async def main():
    async with SinkProcess.start(Path(sys.argv[1]), Sink(), 1) as sink:
        print(sink.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def send(sink: SinkProcess, *names: str) -> None:
    """Send webhooks on one connection and see them answered."""
    url = sink.url(0)
    requests = b"".join(webhook(name, b'{"sent_at_us":%d}' % (time.time() * 1e6)) for name in names)
    await exchange(url, requests, answers=len(names))


def hold(port: int, count: int) -> list[bytes]:
    """Send a webhook on each of so many connections, and only then look at the answers."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as stack:
        held = []
        for number in range(count):
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", port), 20))
            raw.sendall(webhook(f"wh_{number}"))
            held.append(raw)
        return [raw.recv(1000)[:12] for raw in held]


async def gone(pid: int) -> bool:
    """Return whether the process ends within five seconds."""
    for _attempt in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_what_was_sent_is_what_came_back(tmp_path: Path) -> None:
    names = [f"wh_{n:04}" for n in range(2000)]
    async with SinkProcess.start(tmp_path / "sink", Sink(), 3) as sink:
        began_s = time.time()
        await send(sink, *names)
        await send(sink, "wh_0007", "wh_stranger")
        assert (await sink.stats()).delivered == 2001
        result = await sink.finish(origin_s=began_s)
        pid = sink.pid
    assert not psutil.pid_exists(pid)
    assert not result.incomplete
    assert result.ids == [*names, "wh_stranger"]
    assert result.received == sum(s.received for s in result.seconds) == 2002
    assert result.started_at_s == pytest.approx(began_s, abs=1e-5)
    assert result.attempts == {1: 2000, 2: 1}
    assert result.latencies_us.get_total_count() == 2001
    assert 0 < result.latencies_us.get_value_at_percentile(50) < 1_000_000
    assert result.cpu_s > 0
    found = reconcile([*names, "wh_missing"], result)
    assert (found.accepted, found.delivered, found.lost) == (2001, 2000, ["wh_missing"])
    assert (found.duplicates, found.strangers, found.undelivered) == (1, ["wh_stranger"], [])


async def test_webhooks_forgotten_on_purpose_are_found_out(tmp_path: Path) -> None:
    names = [f"wh_{n:04}" for n in range(1000)]
    async with SinkProcess.start(tmp_path, Sink(), 1, lose_every=100) as sink:
        answers = await exchange(sink.url(0), b"".join(map(webhook, names)), answers=1000)
        result = await sink.finish()
    assert {answer.status for answer in answers} == {200}
    found = reconcile(names, result)
    assert found.lost == [f"wh_{n:04}" for n in range(99, 1000, 100)]
    assert found.delivered == 990


async def test_failed_webhooks_are_received_and_not_delivered(tmp_path: Path) -> None:
    failing = Sink(behaviour=[Behaviour(share=1, failure_share=1)])
    async with SinkProcess.start(tmp_path, failing, 1) as sink:
        await send(sink, "wh_1", "wh_2")
        found = reconcile(["wh_1", "wh_2"], await sink.finish())
    assert (found.delivered, found.lost, found.undelivered) == (0, [], ["wh_1", "wh_2"])


async def test_secrets_can_be_told_while_it_runs(tmp_path: Path) -> None:
    async with SinkProcess.start(tmp_path, Sink(), 3, [[SECRET]]) as sink:
        await sink.know_secrets({1: [SECRET, OTHER]}, default=OTHER)
        statuses = {}
        for endpoint in range(3):
            for name, secret in (("first", SECRET), ("other", OTHER)):
                request = signed(f"wh_{endpoint}_{name}", secret, endpoint=endpoint)
                statuses[endpoint, name] = (await timed(sink.port, request))[0]
        result = await sink.finish()
    assert [key for key, status in statuses.items() if status == 401] == [
        (0, "other"),
        (2, "first"),
    ]
    assert (result.bad_signatures, result.unverified, len(result.ids)) == (2, 0, 4)


@pytest.mark.parametrize("told", ["127.0.0.2", "hooks.example"])
async def test_a_sink_for_others_is_reached_there_and_keeps_its_control_to_itself(
    tmp_path: Path, told: str
) -> None:
    async with SinkProcess.start(tmp_path, Sink(), 1, [SECRET], reached_at=told) as sink:
        assert sink.url(0) == f"http://{told}:{sink.port}/e/0"
        there = f"http://127.0.0.2:{sink.port}"
        [taken] = await exchange(there, signed("wh_1", SECRET))
        assert taken.status == 200
        for control in (b"GET /.sink/stats", b"POST /.sink/finish"):
            request = control + b" HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"
            [refused] = await exchange(there, request)
            assert refused.status == 404
        assert (await sink.stats()).delivered == 1
        assert (await sink.finish()).ids == ["wh_1"]


def test_it_listens_to_others_only_for_those_who_were_told_of_it() -> None:
    for told, listens in {
        "127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "127.0.0.2": "127.0.0.2",
        # Not of this machine: a router translates it, or a name leads here.
        "192.0.2.1": "0.0.0.0", "2001:db8::1": "::", "hooks.example": "0.0.0.0",
    }.items():  # fmt: skip
        assert listening_host(told) == listens, told
    for wrong in ("http://10.0.0.5", "10.0.0.5:9000", ""):
        with pytest.raises(LabError, match="--sink-port"):
            listening_host(wrong)


async def test_faults_are_switched_at_run_time(tmp_path: Path) -> None:
    async with SinkProcess.start(tmp_path, Sink(), 1) as sink:
        assert (await sink.fault("fails")).mode == "fails"
        assert (await timed(sink.port, webhook("wh_1")))[0] == 503
        await sink.fault("normal")
        assert (await timed(sink.port, webhook("wh_1")))[0] == 200
        with pytest.raises(SinkFailed, match="sulks"):
            await sink.fault("sulks")
        assert (await sink.finish()).retries == 1


async def test_a_reset_between_two_loads(tmp_path: Path) -> None:
    async with SinkProcess.start(tmp_path, Sink(), 1) as sink:
        await send(sink, "wh_1")
        assert (await sink.finish()).ids == ["wh_1"]
        await sink.reset()
        await send(sink, "wh_2")
        assert (await sink.finish()).ids == ["wh_2"]


async def test_a_turn_between_two_loads_refuses_nothing_and_leaves_nothing_out(
    tmp_path: Path,
) -> None:
    async with SinkProcess.start(tmp_path, Sink(), 1) as sink:
        await send(sink, "wh_1")
        sending = asyncio.create_task(send(sink, *[f"wh_{n}" for n in range(2, 200)]))
        first = await sink.turn()
        await sending
        last = await sink.finish()
        with pytest.raises(SinkFailed, match="only a reset begins another"):
            await sink.turn()
    before = [entry.webhook_id for entry in first.entries()]
    assert (first.problem, last.incomplete) == ("", False)
    assert before[0] == "wh_1"
    assert sorted([*before, *last.ids]) == sorted(f"wh_{n}" for n in range(1, 200))
    assert not (tmp_path / "ledger-before.bin").exists()


async def test_a_killed_sink_gives_an_incomplete_result(tmp_path: Path) -> None:
    async with SinkProcess.start(tmp_path, Sink(), 1) as sink:
        await send(sink, *[f"wh_{n}" for n in range(100)])
        await asyncio.sleep(0.6)
        os.kill(sink.pid, signal.SIGKILL)
        began_s = time.monotonic()
        result = await sink.finish()
        assert time.monotonic() - began_s < 5
        with pytest.raises(SinkFailed, match="exit code -9"):
            await sink.stats()
    assert result.incomplete
    assert "ended with exit code -9" in result.reason
    assert len(result.ids) == 100


async def test_a_stopped_sink_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sureshot_lab.sink.process.FINISH_S", 0.5)
    async with SinkProcess.start(tmp_path, Sink(), 1) as sink:
        os.kill(sink.pid, signal.SIGSTOP)
        result = await sink.finish()
        pid = sink.pid
    assert result.incomplete
    assert "does not answer within 0.5 s" in result.reason
    assert await gone(pid)


async def test_a_cancelled_run_leaves_no_sink_behind(tmp_path: Path) -> None:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with SinkProcess.start(tmp_path, Sink(), 1) as sink:
            started.set_result(sink.pid)
            await asyncio.sleep(60)

    running = asyncio.create_task(run())
    pid = await started
    assert psutil.pid_exists(pid)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not psutil.pid_exists(pid)


async def test_a_killed_runner_leaves_no_sink_behind(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHANING, str(tmp_path), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.kill()
    await parent.wait()
    assert await gone(pid)


async def test_a_sink_that_can_not_start_says_why(tmp_path: Path) -> None:
    impossible = Sink(behaviour=[Behaviour(share=2)])
    with pytest.raises(SinkFailed, match="share must be above 0 and at most 1"):
        async with SinkProcess.start(tmp_path, impossible, 4):
            pass
    with pytest.raises(SinkFailed, match="not usable"):
        async with SinkProcess.start(tmp_path, Sink(), 1, ["whsec_!!"]):
            pass
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkFailed, match="can't write to"):
        async with SinkProcess.start(tmp_path / "file", Sink(), 1):
            pass
    async with SinkProcess.start(tmp_path / "first", Sink(), 2) as first:
        with pytest.raises(SinkFailed, match=r"can't listen on 127\.0\.0\.1"):
            async with SinkProcess.start(tmp_path / "second", Sink(), 1, port=first.port):
                pass
        with pytest.raises(LabError, match="no endpoint 2; the sink has 0 to 1"):
            first.url(2)


@pytest.mark.slow
async def test_ten_thousand_connections_are_held_five_seconds(tmp_path: Path) -> None:
    slow = Sink(behaviour=[Behaviour(share=1, delay_s=5)])
    async with SinkProcess.start(tmp_path, slow, 1) as sink:
        statuses = await asyncio.to_thread(hold, sink.port, 10_000)
        result = await sink.finish()
    assert statuses == [b"HTTP/1.1 200"] * 10_000
    assert result.in_flight_max == 10_000
    assert len(result.delivered_ids) == 10_000
    assert not result.incomplete
