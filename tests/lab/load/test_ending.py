"""However a load ends, no process is left, and what was measured is not lost."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.load.native import offer_native
from sureshot_lab.result import Interval
from sureshot_lab.scenario import Model
from tests.lab.k6.stub import Stub
from tests.lab.load.offers import generators, offer

LONG = (60.0, 50.0, 50.0)


async def until(holds: Callable[[], object], within_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("model", [Model.OPEN, Model.CLOSED])
async def test_a_stop_ends_it_early_with_what_was_measured(
    model: Model, stub: Stub, tmp_path: Path
) -> None:
    seen: list[Interval] = []
    stub.delay_s = 0.05
    stop = asyncio.Event()
    long = offer(stub.url, LONG, generators=2, model=model, connections=2)
    running = asyncio.create_task(offer_native(long, tmp_path, watch=seen.append, stop=stop))
    await until(lambda: len(seen) == 2)
    stopped_s = time.monotonic()
    stop.set()
    run = await running
    assert time.monotonic() - stopped_s < 2
    assert generators(tmp_path) == []
    assert run.stopped_early
    assert run.intended == run.sent == run.accepted == stub.asked["submit"] > 20
    assert run.errors == []
    assert len(run.accepted_ids) == run.accepted
    assert sum(second.sent for second in run.intervals) == run.sent
    assert run.wall_s == pytest.approx(2.3, abs=0.5)
    assert [second.at_s for second in seen] == [second.at_s for second in run.intervals]


async def test_requests_without_an_answer_at_a_stop_are_told_apart(
    stub: Stub, tmp_path: Path
) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(offer_native(offer(stub.url, LONG), tmp_path, stop=stop))
    await until(lambda: stub.asked["submit"] > 20)
    stub.freeze(30)
    await asyncio.sleep(0.5)
    stop.set()
    run = await running
    assert [error.what for error in run.errors] == ["stopped"]
    assert run.failed == run.sent - run.accepted > 10


async def test_a_stop_before_it_begins_sends_nothing(stub: Stub, tmp_path: Path) -> None:
    stop = asyncio.Event()
    later = offer_native(offer(stub.url, LONG), tmp_path, stop=stop, start_at_s=time.time() + 60)
    running = asyncio.create_task(later)
    await until(lambda: len(generators(tmp_path)) == 1)
    await asyncio.sleep(0.5)
    stop.set()
    run = await running
    assert (run.intended, run.sent, run.stopped_early) == (0, 0, True)
    assert stub.asked["submit"] == 0


async def test_a_cancellation_leaves_no_process_behind(stub: Stub, tmp_path: Path) -> None:
    running = asyncio.create_task(offer_native(offer(stub.url, LONG, generators=2), tmp_path))
    await until(lambda: stub.asked["submit"])
    cancelled_s = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - cancelled_s < 2
    assert generators(tmp_path) == []


async def test_a_process_that_dies_is_an_error_that_says_so(stub: Stub, tmp_path: Path) -> None:
    running = asyncio.create_task(offer_native(offer(stub.url, LONG, generators=2), tmp_path))
    await until(lambda: stub.asked["submit"] and len(generators(tmp_path)) == 2)
    generators(tmp_path)[1].kill()
    with pytest.raises(LabError, match=r"generator \d \(process \d+\) ended with -9 before"):
        await running
    assert generators(tmp_path) == []


async def test_a_process_that_cannot_begin_says_why(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError('no uvloop here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(LabError, match=r"ended with 1 before .*: ImportError: no uvloop here"):
        await offer_native(offer(stub.url, LONG), tmp_path)
    assert generators(tmp_path) == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
async def test_processes_end_with_the_one_that_started_them(
    sent: signal.Signals, stub: Stub, tmp_path: Path
) -> None:
    program = (
        "import asyncio; from pathlib import Path\n"
        "from sureshot_lab.load.native import offer_native\n"
        "from tests.lab.load.offers import offer\n"
        f"asyncio.run(offer_native(offer({stub.url!r}, (60, 50, 50)), Path({str(tmp_path)!r})))"
    )
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: stub.asked["submit"])
        assert len(generators(tmp_path)) == 1
        starter.send_signal(sent)
        await until(lambda: not generators(tmp_path))
        await asyncio.wait_for(starter.wait(), 10)
    finally:
        if starter.returncode is None:
            starter.kill()
            await starter.wait()
