"""The scripts and the laboratory's own load against the service itself, delivering to a sink."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from sureshot_lab.load.k6 import Outcome
from sureshot_lab.load.k6_load import offer_k6
from sureshot_lab.load.offer import Offer
from tests.lab.k6.running import require_k6, run
from tests.lab.k6.stub import Stub
from tests.support.service import ADMIN_TOKEN, API_TOKEN, running_service


@pytest.mark.parametrize(
    ("script", "scale"), [("performance-test.js", "0.1"), ("single-user-test.js", "1")]
)
async def test_what_a_script_had_accepted_is_delivered(
    script: str, scale: str, stub: Stub, tmp_path: Path
) -> None:
    async with running_service(tmp_path) as service:
        finished = await asyncio.to_thread(
            run, script, stub,
            BASE_URL=service.url, API_TOKEN=API_TOKEN, ADMIN_TOKEN=ADMIN_TOKEN, SINK_URL=stub.url,
            SCALE=scale, SUMMARY=str(tmp_path / "summary.json"),
        )  # fmt: skip
    # Latencies on a machine that does other things as well are not what is asked here.
    assert finished.outcome in {Outcome.PASSED, Outcome.THRESHOLDS}, finished.stderr
    metrics = json.loads((tmp_path / "summary.json").read_text())["metrics"]
    assert metrics["accepted"]["values"]["count"] == stub.asked["delivered"] > 0
    assert metrics["delivery_success"]["values"]["passes"] >= 1
    assert 0 <= metrics["end_to_end"]["values"]["max"] < 500


async def test_a_load_of_the_laboratory_arrives(stub: Stub, tmp_path: Path) -> None:
    require_k6()
    async with running_service(tmp_path) as service:
        load = Offer(
            base_url=service.url,
            token=API_TOKEN,
            places=[f'"url":"{stub.url}/a"', f'"url":"{stub.url}/b"'],
            weights=[2, 1],
            payloads=['{"kind":"test"}'],
            stages=[(2, 20, 40)],
            run="run",
        )
        measured = await offer_k6(load, tmp_path)
    assert measured.errors == []
    assert measured.accepted == stub.asked["delivered"] == pytest.approx(60, abs=2)
