"""A process that dies or freezes: another one takes its work over within seconds."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from sureshot.cli.sink_server import Behaviour, Receipt, SinkServer
from tests.support.cluster import Cluster, Member, cluster
from tests.support.http import call, submit

WITHIN_S = 6.0
"""What users are promised; the test allows for a slow machine on top."""
PROFILES = [
    pytest.param(("all", "all"), "memory://", id="memory"),
    pytest.param(("api", "worker", "worker", "scheduler"), "", id="rabbitmq"),
]


async def _holder(deployed: Cluster) -> Member:
    """Return the member that is sending something now."""
    for member in deployed.members:
        text = (await call(member.url, "GET", "/metrics", token=None)).body.decode()
        if "\nsureshot_in_flight 1.0" in text:
            return member
    raise AssertionError("nobody is sending")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize(("roles", "queue"), PROFILES)
@pytest.mark.parametrize("after_s", [0.3, 3.0], ids=["at-once", "later"])
async def test_what_a_dead_process_was_sending_is_sent_again(
    tmp_path: Path, roles: tuple[str, ...], queue: str, number: signal.Signals, after_s: float
) -> None:
    """The receiver never answers, so the webhook is in flight when its worker goes."""
    seen: list[Receipt] = []
    hanging = SinkServer(Behaviour.HANGING, on_receipt=seen.append)
    target = f"http://127.0.0.1:{await hanging.start()}/"
    async with cluster(tmp_path, *roles, queue_url=queue) as deployed:
        webhook_id = await submit(deployed.url, url=target)
        await asyncio.sleep(after_s)
        assert len(seen) == 1
        (await _holder(deployed)).send(number)
        began_s = asyncio.get_running_loop().time()
        async with asyncio.timeout(WITHIN_S + 6):
            while len(seen) < 2:
                await asyncio.sleep(0.05)
        took_s = asyncio.get_running_loop().time() - began_s
        assert took_s < WITHIN_S + 2
        assert {one.webhook_id for one in seen} == {webhook_id}
    await hanging.stop()
