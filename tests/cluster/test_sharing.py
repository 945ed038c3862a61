"""Processes without a broker: what one accepts, all deliver."""

from __future__ import annotations

from pathlib import Path

from sureshot_lab.scale.processes import takes
from tests.support.cluster import cluster
from tests.support.http import call


async def test_what_one_process_accepts_is_delivered_by_all(tmp_path: Path) -> None:
    """Clients keep their connections, so that by chance all of them may be one process's."""
    async with cluster(
        tmp_path, "all", "all", queue_url="memory://", max_in_flight="5"
    ) as deployed:
        deployed.sink.delay_s = 0.1
        for _ in range(10):
            body = {"webhooks": [{"url": deployed.target, "payload": n} for n in range(40)]}
            answer = await call(deployed.members[0].url, "POST", "/api/v1/webhooks/batch", body)
            assert answer.status == 202
        await deployed.quiet()
        first, second = await takes([member.url for member in deployed.members])
        assert first + second == 400 == len(deployed.ledger.received)
        assert min(first, second) > 0.35 * 400, (first, second)
