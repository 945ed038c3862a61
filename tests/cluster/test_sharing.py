"""Processes without a broker: what one accepts, all deliver."""

from __future__ import annotations

from pathlib import Path

import pytest

from sureshot_lab.scale.processes import takes
from tests.support.cluster import cluster
from tests.support.http import call


@pytest.mark.slow
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


@pytest.mark.slow
async def test_an_endpoints_rate_is_reached_by_all_of_them_together(tmp_path: Path) -> None:
    """The one that holds as much of it as it may must not keep work from the other."""
    async with cluster(tmp_path, "all", "all", queue_url="memory://") as deployed:
        url = deployed.members[0].url
        endpoint = {"name": "A", "url": deployed.target, "rateLimitPerSecond": 100}
        endpoint_id = (await call(url, "POST", "/api/v1/endpoints", endpoint)).json["id"]
        for _ in range(4):
            body = {"webhooks": [{"endpointId": endpoint_id, "payload": n} for n in range(400)]}
            assert (await call(url, "POST", "/api/v1/webhooks/batch", body)).status == 202
        await deployed.quiet()
        assert len(deployed.ledger.received) == 1600
        arrived_s = sorted(times[0] for times in deployed.ledger.received.values())
        # A burst of a second's worth, and from the first second on a hundred a second. When
        # one kept work from the other, the second hundred took two seconds, and all 18.
        took_s = arrived_s[-1] - arrived_s[0]
        assert 14 < took_s < 17.2, took_s
