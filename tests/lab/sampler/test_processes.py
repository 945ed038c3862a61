"""Real child processes are seen as what they are."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psutil
import pytest

from sureshot_lab.sampler.processes import Processes
from sureshot_lab.sampler.sampler import Sampler
from tests.lab.sampler.children import BURN, BURN_IN_THREAD, GROW, OPEN, PARENT, child, grow
from tests.lab.sampler.sources import count_of, values_of

MIB = 1 << 20


def cpu_s(pid: int) -> float:
    """Return what psutil knows of a process and those it started."""
    root = psutil.Process(pid)
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


@pytest.mark.parametrize("code", [BURN, BURN_IN_THREAD, PARENT], ids=["itself", "thread", "child"])
async def test_half_a_core_is_seen_as_half_a_core(code: str) -> None:
    async with child(code, 0.5) as burning:
        sampler = Sampler([Processes({"service": [burning.pid]})], every_s=0.5)
        await sampler.start()
        before_s, began_s = cpu_s(burning.pid), time.monotonic()
        await asyncio.sleep(3)
        samples = await sampler.stop()
        used = (cpu_s(burning.pid) - before_s) / (time.monotonic() - began_s)
    seen = count_of(samples, "service.cpu_cores") / samples[-1].at_s
    assert seen == pytest.approx(
        values_of(samples, "service.cpu_s")[-1] / samples[-1].at_s, abs=0.02
    )
    assert seen == pytest.approx(used, abs=0.05)
    # On a busy machine it does not get all it wants.
    assert 0.05 < seen < 0.6
    assert len(values_of(samples, "service.cpu_cores")) == len(samples) - 1
    assert min(values_of(samples, "service.context_switches_per_s")) > 20


async def test_the_busiest_process_is_told_beside_the_sum() -> None:
    async with child(BURN, 0.4) as busy, child(BURN, 0.1) as idle:
        source = Processes({"service": [busy.pid, idle.pid], "sink": [idle.pid]})
        await source.read()
        await asyncio.sleep(2)
        values = await source.read()
    assert values["service.processes"] == 2
    assert 0 < values["sink.cpu_cores"] < values["service.cpu_cores_max"] < 0.5
    both = values["service.cpu_cores_max"] + values["sink.cpu_cores"]
    assert values["service.cpu_cores"] == pytest.approx(both, abs=0.001)


async def test_growth_of_memory_is_seen() -> None:
    async with child(GROW, 0) as growing, child(OPEN, 0) as other:
        source = Processes({"service": [growing.pid, other.pid]})
        before = await source.read()
        await grow(growing, 40 * MIB)
        after = await source.read()
        largest = psutil.Process(growing.pid).memory_info().rss
    assert after["service.rss_bytes"] - before["service.rss_bytes"] == pytest.approx(
        40 * MIB, abs=4 * MIB
    )
    assert after["service.rss_max_bytes"] == pytest.approx(largest, abs=2 * MIB)
    assert after["service.rss_max_bytes"] < after["service.rss_bytes"]


async def test_descriptors_and_threads_are_counted() -> None:
    async with child(OPEN, 50) as opening:
        values = await Processes({"service": [opening.pid]}).read()
        theirs = psutil.Process(opening.pid)
        assert values["service.fds"] == theirs.num_fds() >= 50
        assert values["service.threads"] == theirs.num_threads()


async def test_a_process_that_dies_leaves_the_others() -> None:
    async with child(BURN, 0.3) as dying, child(BURN, 0.1) as living:
        source = Processes({"service": [dying.pid, living.pid]})
        await source.read()
        await asyncio.sleep(0.5)
        assert (await source.read())["service.processes"] == 2
        dying.send_signal(signal.SIGKILL)
        await dying.wait()
        for _ in range(3):
            await asyncio.sleep(0.3)
            values = await source.read()
            assert values["service.processes"] == 1
            assert 0 <= values["service.cpu_cores"] < 0.25
            assert values["service.context_switches_per_s"] >= 0


async def test_a_zombie_is_no_process() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    try:
        async with asyncio.timeout(5):
            while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.01)
        source = Processes({"service": [pid]})
        await source.read()
        await asyncio.sleep(0.05)
        values = await source.read()
    finally:
        os.waitpid(pid, 0)  # noqa: ASYNC222 - it has ended
    assert values["service.processes"] == 0
    assert values["service.cpu_cores"] == values["service.rss_bytes"] == 0


async def test_what_a_new_process_did_since_its_start_counts() -> None:
    pids: list[int] = []
    source = Processes({"service": lambda: pids})
    first = await source.read()
    assert first["service.processes"] == 0
    assert "service.cpu_cores" not in first
    async with child(BURN, 0.8) as burning:
        pids.append(burning.pid)
        await asyncio.sleep(1.5)
        values, used_s = await source.read(), cpu_s(burning.pid)
    assert values["service.cpu_s"] == pytest.approx(used_s, abs=0.05)
    assert 0.05 < values["service.cpu_cores"] < 1.0


async def test_what_an_old_process_did_before_it_was_watched_does_not_count() -> None:
    pids: list[int] = []
    async with child(BURN, 0.8) as burning:
        await asyncio.sleep(1)
        source = Processes({"service": lambda: pids})
        await source.read()
        pids.append(burning.pid)
        await asyncio.sleep(0.1)
        values = await source.read()
    assert values["service.processes"] == 1
    assert "service.cpu_cores" not in values


async def test_a_child_given_to_another_group_counts_there_alone() -> None:
    async with child(OPEN, 30) as service:
        values = await Processes({"runner": [os.getpid()], "service": [service.pid]}).read()
        both = await Processes({"runner": [os.getpid()]}).read()
    assert values["service.processes"] == 1
    assert both["runner.processes"] == values["runner.processes"] + 1


async def test_processes_are_found_by_their_name() -> None:
    async with child(BURN, 0.1) as one:
        name = psutil.Process(one.pid).name()
        values = await Processes({"all": name, "some": [one.pid], "none": "no such"}).read()
    assert values["all.processes"] >= values["some.processes"] == 1
    assert values["none.processes"] == 0
