"""Every accepted webhook is looked for by its id, whichever generator had it accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from sureshot_lab.load.engines import offer_by
from sureshot_lab.runs.client import ServiceClient
from sureshot_lab.runs.whereabouts import whereabouts
from tests.lab.k6.running import require_k6
from tests.lab.k6.stub import serving
from tests.lab.load.offers import offer
from tests.lab.runs.received import receipts
from tests.support.service import API_TOKEN, running_service


@pytest.mark.parametrize("engine", ["native", "k6"])
async def test_what_waits_at_a_receiver_that_is_gone_is_pending_not_lost(
    engine: str, tmp_path: Path
) -> None:
    if engine == "k6":
        require_k6()
    async with running_service(tmp_path) as service:
        offered = await offer_by(engine, offer(service.url, (1, 20, 20), token=API_TOKEN), tmp_path)
        client = ServiceClient(service.url, API_TOKEN)
        # A stranger at the sink must not stand in for one that is missing.
        found = await whereabouts([client], offered, receipts(tmp_path, ["wh_stranger"]))
    assert found.pending == offered.accepted == pytest.approx(20, abs=2)
    assert (found.found.lost, found.unnamed) == ([], 0)
    assert found.found.strangers == ["wh_stranger"]


@pytest.mark.parametrize("engine", ["native", "k6"])
async def test_a_stranger_does_not_hide_a_loss(engine: str, tmp_path: Path) -> None:
    if engine == "k6":
        require_k6()
    with serving() as elsewhere:
        offered = await offer_by(engine, offer(elsewhere.url, (1, 20, 20)), tmp_path)
    async with running_service(tmp_path) as service:
        client = ServiceClient(service.url, API_TOKEN)
        seen = [*sorted(offered.accepted_ids)[1:], "wh_stranger"]
        found = await whereabouts([client], offered, receipts(tmp_path, seen))
    assert found.found.lost == [min(offered.accepted_ids)]


async def test_an_answer_without_an_id_is_counted(tmp_path: Path) -> None:
    with serving() as stub:
        stub.refuse_every, stub.refusal = 4, (202, "{}")
        offered = await offer_by("native", offer(stub.url, (1, 20, 20)), tmp_path)
        client = ServiceClient(stub.url, API_TOKEN)
        found = await whereabouts([client], offered, receipts(tmp_path, offered.accepted_ids))
    assert (offered.accepted, found.unnamed) == (20, 5)
