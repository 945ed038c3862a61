from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sureshot.cli.sink_server import Behaviour, SinkServer
from tests.cli.command import HereRuns, Ran, at, run
from tests.support.service import running_service

UNKNOWN = "wh_01a20ca0dbc47000a9f5e1d37976d6e4"


class Stage:
    """A service, a sink, and a person at a prompt."""

    def __init__(self, here: HereRuns, service_url: str, sink: SinkServer, port: int) -> None:
        self._here = here
        self.service_url = service_url
        self.sink = sink
        self.url = f"http://127.0.0.1:{port}/hook"

    async def run(self, *arguments: str, stdin: bytes = b"", **variables: str) -> Ran:
        return await self._here.beside(self.service_url, *arguments, stdin=stdin, **variables)


@contextlib.asynccontextmanager
async def staged(
    here: HereRuns, folder: Path, behaviour: Behaviour = Behaviour.OK, **changes: Any
) -> AsyncIterator[Stage]:
    sink = SinkServer(behaviour)
    port = await sink.start()
    async with running_service(folder, **changes) as service:
        yield Stage(here, service.url, sink, port)
    await sink.stop()


async def test_send_without_waiting_succeeds_once_it_is_accepted(
    here: HereRuns, tmp_path: Path
) -> None:
    async with staged(here, tmp_path, Behaviour.HANGING, drain_s=0.0) as stage:
        sent = await stage.run("send", stage.url)
        assert sent.code == 0
        assert sent.pairs["status"] == "queued"
        assert f"sureshot status {sent.pairs['id']}" in sent.err
        status = await stage.run("status", sent.pairs["id"], "--json")
        assert status.code == 0
        assert status.json["id"] == sent.pairs["id"]


async def test_send_and_wait_exits_with_0_only_when_it_was_delivered(
    here: HereRuns, tmp_path: Path
) -> None:
    async with staged(here, tmp_path, retry_schedule_s=()) as stage:
        delivered = await stage.run("send", stage.url, "--wait")
        assert (delivered.code, delivered.pairs["status"]) == (0, "delivered")
        assert "delivered after attempt 1: 200" in delivered.err
        stage.sink.behaviour = Behaviour.FAILING
        failed = await stage.run("send", stage.url, "--wait", "--json")
        assert (failed.code, failed.json["status"]) == (1, "failed")
        assert failed.json["lastAttempt"]["statusCode"] == 500


async def test_waiting_ends_after_the_timeout_and_says_how_to_go_on(
    here: HereRuns, tmp_path: Path
) -> None:
    async with staged(here, tmp_path, Behaviour.FAILING, retry_schedule_s=(60.0,)) as stage:
        sent = await stage.run("send", stage.url, "--wait", "--timeout", "0.5")
        assert (sent.code, sent.pairs["status"]) == (1, "retrying")
        assert "retrying after attempt 1: 500; next attempt at 20" in sent.err
        assert "not delivered within 0.5 s; it goes on: sureshot explain wh_" in sent.err
        explained = await stage.run("explain", sent.pairs["id"])
        assert explained.code == 0
        assert "status 500" in explained.out
        as_json = await stage.run("explain", sent.pairs["id"], "--json")
        assert as_json.json["explanation"] == explained.out.strip()


async def test_every_way_to_give_a_payload_sends_it_byte_for_byte(
    here: HereRuns, tmp_path: Path
) -> None:
    payload = '{"n": 1.50,  "ü": [true]}'
    (tmp_path / "payload.json").write_text(payload + "\n")
    async with staged(here, tmp_path) as stage:
        for arguments, stdin in (
            (("--data", payload), b""),
            (("--file", "payload.json"), b""),
            (("--file", "-"), payload.encode()),
            (("--data", "-"), payload.encode()),
        ):
            sent = await stage.run("send", stage.url, "--json", *arguments, stdin=stdin)
            assert sent.code == 0, sent.err
            found = await stage.run("status", sent.json["id"], "--json")
            assert found.json["id"] == sent.json["id"]
    assert await payloads(tmp_path) == [payload.encode()] * 4


async def payloads(folder: Path) -> list[bytes]:
    """Read what was stored, newest first, with the service of the folder stopped."""
    import apsw  # noqa: PLC0415

    with contextlib.closing(apsw.Connection(str(folder / "sureshot.db"))) as database:
        rows = list(database.execute("SELECT payload FROM webhooks"))
    return [bytes(row[0]) for row in rows]


async def test_the_details_of_a_webhook_arrive(here: HereRuns, tmp_path: Path) -> None:
    async with staged(here, tmp_path) as stage:
        arguments = (
            "send", stage.url, "--method", "put", "--event-type", "order.paid",
            "--header", "X-Shop: 7", "--idempotency-key", "order-7", "--json",
        )  # fmt: skip
        first = await stage.run(*arguments)
        again = await stage.run(*arguments)
        assert first.code == again.code == 0
        assert first.json["id"] == again.json["id"]
        other = await stage.run(
            "send", stage.url, "--data", "2", "--idempotency-key", "order-7", "--json"
        )
        assert (other.code, other.out) == (3, "")
        assert "refused this (409)" in other.err


async def test_something_else_at_the_address_is_no_service(here: HereRuns) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<!--")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ran = await here.beside(url, "status", UNKNOWN)
    assert ran.code == 3
    assert "is no Sureshot service" in ran.err


async def test_what_the_service_refuses_is_said_in_its_words_with_exit_code_3(
    here: HereRuns, tmp_path: Path
) -> None:
    async with staged(here, tmp_path) as stage:
        private = await stage.run("send", "http://10.0.0.1/")
        unknown = await stage.run("status", UNKNOWN)
        odd = await stage.run("status", "a b?x=#")
        wrong = await stage.run("status", UNKNOWN, SURESHOT_API_TOKEN="wrong")
    assert [ran.code for ran in (private, unknown, odd, wrong)] == [3, 3, 3, 3]
    assert "10.0.0.1" in private.err
    assert "SURESHOT_ALLOWED_NETWORKS" in private.err
    assert "(404): there is no such webhook" in unknown.err
    assert "(404)" in odd.err
    assert "SURESHOT_API_TOKEN from environment" in wrong.err
    assert not any(ran.out for ran in (private, unknown, odd, wrong))


async def test_proxy_variables_do_not_see_the_token(here: HereRuns, tmp_path: Path) -> None:
    proxies = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    async with staged(here, tmp_path) as stage:
        env = at(stage.service_url, **proxies)
        ran = await run("secrets", "show", folder=tmp_path, env=env)
    assert ran.code == 0
    assert ran.out.startswith("whsec_")
