from __future__ import annotations

from pathlib import Path

from sureshot.cli.sink_server import SinkServer
from tests.cli.command import HereRuns, Ran
from tests.support.service import running_service


async def test_the_life_of_an_endpoint(here: HereRuns, tmp_path: Path) -> None:
    sink = SinkServer()
    port = await sink.start()
    url = f"http://127.0.0.1:{port}/shop"
    async with running_service(tmp_path) as service:

        async def endpoints(*arguments: str) -> Ran:
            ran = await here.beside(service.url, "endpoints", *arguments)
            assert ran.code == 0, ran.err
            return ran

        created = await endpoints(
            "create", "Shop [bold]", url, "--event-type", "order.*", "--rate", "50",
            "--max-in-flight", "9", "--timeout", "3", "--retry-schedule", "1,2.5",
            "--metadata", "team=a", "--header", "X-Shop: 7", "--json",
        )  # fmt: skip
        endpoint = created.json
        assert endpoint["secretKey"].startswith("whsec_")
        assert (endpoint["rateLimitPerSecond"], endpoint["maxInFlight"]) == (50.0, 9)
        assert (endpoint["timeoutSeconds"], endpoint["retryScheduleSeconds"]) == (3.0, [1.0, 2.5])
        assert (endpoint["eventTypes"], endpoint["metadata"]) == (["order.*"], {"team": "a"})
        assert endpoint["headers"] == {"X-Shop": "7"}
        name = endpoint["id"]

        listed = await endpoints("list")
        assert f"{name}  Shop [bold]  {url}  enabled" in listed.out
        assert endpoint["secretKey"] not in (await endpoints("show", name)).out

        tested = await endpoints("test", name, "--wait", "--json")
        assert tested.json["status"] == "delivered"
        assert sink.has(tested.json["id"])

        changed = await endpoints(
            "update", name, "--name", "Store", "--clear", "rate", "--clear", "header",
            "--clear", "event-type", "--json",
        )  # fmt: skip
        assert changed.json["name"] == "Store"
        assert (changed.json["rateLimitPerSecond"], changed.json["headers"]) == (None, {})
        assert changed.json["eventTypes"] == ["*"]
        assert changed.json["maxInFlight"] == 9

        rotated = await endpoints("rotate-secret", name)
        assert rotated.pairs["secret (shown once)"] not in {"", endpoint["secretKey"]}
        chosen = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
        again = await endpoints("rotate-secret", name, "--secret", chosen, "--json")
        assert again.json["secretKey"] == chosen

        assert (await endpoints("disable", name)).pairs["state"] == "disabled (manual)"
        assert (await endpoints("enable", name)).pairs["state"] == "enabled"
        assert (await endpoints("delete", name, "--yes", "--json")).json["deleted"] is True
        assert (await endpoints("list", "--json")).json["items"] == []
    await sink.stop()


async def test_the_public_key_of_a_key_pair_is_shown(here: HereRuns, tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        arguments = ("Partner", "http://127.0.0.1:9/", "--algorithm", "ed25519")
        ran = await here.beside(service.url, "endpoints", "create", *arguments)
    assert ran.code == 0
    assert ran.pairs["public key"].startswith("whpk_")
    assert ran.pairs["secret (shown once)"].startswith("whsk_")
