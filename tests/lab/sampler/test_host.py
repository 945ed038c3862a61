"""The machine's figures agree with what was done to it, and with psutil's."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from sureshot_lab.sampler.host import Host
from tests.lab.sampler.children import BURN, child

MIB = 1 << 20


async def while_doing(work: Callable[[], object]) -> tuple[dict[str, float], float]:
    """Return the values over *work*, and how long that took."""
    source = Host()
    first = await source.read()
    assert not {name for name in first if name.endswith(("_share", "_per_s"))}
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await asyncio.to_thread(work)
    await asyncio.sleep(0.3)
    return await source.read(), loop.time() - began_s


def send_over_loopback(size_bytes: int) -> None:
    piece = bytes(64 * 1024)
    with socket.create_server(("127.0.0.1", 0)) as server:
        sending = socket.create_connection(server.getsockname())
        receiving, _ = server.accept()
        with sending, receiving:
            for _ in range(size_bytes // len(piece)):
                sending.sendall(piece)
                receiving.recv(len(piece), socket.MSG_WAITALL)


async def test_cpu_shares_are_those_of_psutil() -> None:
    async with child(BURN, 0.9):
        source = Host()
        await source.read()
        before = psutil.cpu_times()
        await asyncio.sleep(1.5)
        values, after = await source.read(), psutil.cpu_times()
    spent = {field: getattr(after, field) - getattr(before, field) for field in before._fields}
    total = sum(spent[field] for field in before._fields if not field.startswith("guest"))
    busy = total - spent["idle"] - spent["iowait"] - spent["steal"]
    assert values["host.cpu_share"] == pytest.approx(busy / total, abs=0.05)
    assert values["host.cpu_share"] > 0.1
    assert values["host.steal_share"] == pytest.approx(spent["steal"] / total, abs=0.05)
    assert values["host.iowait_share"] == pytest.approx(spent["iowait"] / total, abs=0.05)


async def test_memory_and_load_are_those_of_psutil() -> None:
    values = await Host().read()
    memory = psutil.virtual_memory()
    assert values["host.memory_used_bytes"] == pytest.approx(
        memory.total - memory.available, abs=64 * MIB
    )
    assert values["host.load1"] == pytest.approx(psutil.getloadavg()[0], abs=1)


async def test_what_goes_over_the_local_interface_counts() -> None:
    values, elapsed_s = await while_doing(lambda: send_over_loopback(20 * MIB))
    assert values["host.network_in_bytes_per_s"] * elapsed_s > 20 * MIB
    assert values["host.network_out_bytes_per_s"] * elapsed_s > 20 * MIB


async def test_what_is_written_to_a_disk_counts(tmp_path: Path) -> None:
    if os.major(tmp_path.stat().st_dev) == 0:
        pytest.skip("temporary files are not on a disk here")

    def write() -> None:
        with (tmp_path / "file").open("wb") as file:
            file.write(os.urandom(8 * MIB))
            file.flush()
            os.fsync(file.fileno())

    values, elapsed_s = await while_doing(write)
    assert values["host.disk_written_bytes_per_s"] * elapsed_s >= 8 * MIB
    assert values["host.disk_writes_per_s"] * elapsed_s >= 1
