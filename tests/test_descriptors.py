"""What happens with few file descriptors: each side has its share, and the store always has its."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

import pytest

from sureshot.cli.sink_server import SinkServer
from sureshot.descriptors import OWN, share_out
from tests.support.http import call, submit
from tests.support.own_servers import free_port
from tests.support.service import ADMIN_TOKEN, API_TOKEN

IDLE_S = 3.0
"""So long as many clients as the service can have say nothing."""


@pytest.mark.parametrize("limit", [64, 128, 256, 512, 1024, 4096, 15_000, 65_536, 1_000_000])
def test_the_shares_never_add_up_to_more_than_there_is(limit: int) -> None:
    shares = share_out(limit, 10_000)
    assert shares.in_flight >= 16
    assert shares.clients >= 16
    if limit >= 2 * OWN:
        assert shares.clients + shares.in_flight + shares.idle + OWN <= limit


def test_with_enough_nothing_is_given_up() -> None:
    assert share_out(35_064, 10_000).in_flight == 10_000


@pytest.mark.slow
async def test_with_few_descriptors_slow_receivers_and_many_clients_lose_nothing(
    tmp_path: Path,
) -> None:
    """The journal's own descriptors must be left when everything else is used up."""
    sink = SinkServer(delay_s=0.5)
    target = f"http://127.0.0.1:{await sink.start()}/"
    port = free_port()
    command = [sys.executable, "-m", "sureshot", "serve", "--port", str(port)]
    env = {
        "PATH": "/usr/bin:/bin", "SURESHOT_ALLOWED_NETWORKS": "127.0.0.0/8",
        "SURESHOT_API_TOKEN": API_TOKEN, "SURESHOT_ADMIN_TOKEN": ADMIN_TOKEN,
    }  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, env=env, stdout=log, stderr=log,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160)),
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        await _ready(url)
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        submitting = asyncio.create_task(_submit_all(url, target, 300))
        await asyncio.sleep(IDLE_S)
        for _reader, writer in idle:
            writer.close()
        ids = await submitting
        async with asyncio.timeout(30):
            while sink.unique < 300:
                await asyncio.sleep(0.1)
        assert all(sink.has(one) for one in ids)
        text = (tmp_path / "log").read_text()
        assert "descriptors.in_flight_limited" in text
        assert "unable to open" not in text
    finally:
        process.terminate()
        await process.wait()
        await sink.stop()


async def _ready(url: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if (await call(url, "GET", "/readyz", token=None)).status == 200:
                    return
            except (OSError, asyncio.IncompleteReadError):
                pass
            await asyncio.sleep(0.05)


async def _submit_all(url: str, target: str, count: int) -> list[str]:
    ids: list[str] = []
    while len(ids) < count:
        try:
            ids.append(await submit(url, url=target))
        except (OSError, asyncio.IncompleteReadError):
            # As many clients as the service can have are connected: try again.
            await asyncio.sleep(0.02)
    return ids
