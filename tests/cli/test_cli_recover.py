from __future__ import annotations

from pathlib import Path

import pytest

from sureshot.api import dead_letters
from sureshot.cli.sink_server import SinkServer
from tests.api.test_dead_letters import E, hopeless, let_fail
from tests.cli.command import HereRuns
from tests.support.http import call, wait_for_status
from tests.support.service import running_service


async def test_what_failed_is_recovered_lot_by_lot(
    here: HereRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "RECOVERED_PER_CALL", 2)
    monkeypatch.setattr(dead_letters, "READ_AT_ONCE", 1)
    sink = SinkServer()
    port = await sink.start()
    async with running_service(tmp_path) as service:
        name = await hopeless(service.url)
        failed = await let_fail(service.url, name, 5)
        await call(service.url, "PATCH", f"{E}/{name}", {"url": f"http://127.0.0.1:{port}/"})
        none = await here.beside(
            service.url, "recover", "--endpoint", name, "--since", "2d", "--until", "1d", "--json"
        )
        assert none.json == {"endpointId": name, "recovered": 0, "lastDueAt": None}
        ran = await here.beside(
            service.url, "recover", "--endpoint", name, "--since", "1h", "--rate", "20"
        )
        assert ran.code == 0, ran.err
        assert ran.pairs["recovered"] == "5"
        assert "2 are due again" in ran.err
        for webhook_id in failed:
            await wait_for_status(service.url, webhook_id, "delivered")
    await sink.stop()


@pytest.mark.parametrize("since", ["yesterday", "2030-01-31T12:00:00", "3x", "", "9" * 40 + "d"])
def test_a_wrong_instant_is_explained(here: HereRuns, since: str) -> None:
    ran = here("recover", "--endpoint", "ep_1", "--since", since, SURESHOT_API_TOKEN="t")
    assert ran.code == 2
    assert "--since" in ran.err


async def test_an_unknown_endpoint_is_refused(here: HereRuns, tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        ran = await here.beside(service.url, "recover", "--endpoint", "ep_1", "--since", "1h")
        assert (ran.code, "404" in ran.err) == (3, True)
