"""The native generator against the service itself: what was accepted is delivered, under its id."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from sureshot_lab.load.native import offer_native
from tests.lab.k6.stub import Stub
from tests.lab.load.offers import offer
from tests.support.service import API_TOKEN, running_service


async def test_what_was_accepted_is_delivered(stub: Stub, tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        places = [f'"url":"{stub.url}/a"', f'"url":"{stub.url}/b","eventType":"load.test"']
        load = offer(
            service.url,
            (2, 100, 300),
            token=API_TOKEN,
            places=places,
            weights=[1, 1],
            generators=2,
        )
        run = await offer_native(load, tmp_path)
        deadline_s = time.monotonic() + 10
        while stub.asked["delivered"] < run.accepted and time.monotonic() < deadline_s:
            await asyncio.sleep(0.05)
    assert (run.errors, run.dropped) == ([], 0)
    assert run.accepted == run.intended == stub.asked["delivered"] == 400
    assert len(set(run.accepted_ids)) == 400
    assert all(one.startswith("wh_") for one in run.accepted_ids)
