from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from sureshot.cli.sink_server import Behaviour, Receipt, SinkServer
from sureshot.domain.model import Algorithm
from sureshot.domain.secret_key import public_key
from sureshot.domain.signature import SigningKey, signature_headers
from tests.support.http import Answer, exchange

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
SEED = "whsk_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
BODY = b'{"n":1}'


def request(
    webhook_id: str = "", body: bytes = BODY, extra: str = "", path: str = "/hook"
) -> bytes:
    lines = f"POST {path} HTTP/1.1\r\nHost: sink\r\nContent-Length: {len(body)}\r\n"
    if webhook_id:
        lines += f"Webhook-Id: {webhook_id}\r\n"
    return f"{lines}{extra}\r\n".encode() + body


def signed(webhook_id: str, secret: str = SECRET, *, body: bytes = BODY, at: datetime) -> bytes:
    algorithm = Algorithm.ED25519 if secret.startswith("whsk_") else Algorithm.SHA256
    keys = [SigningKey(algorithm, secret)]
    extra = signature_headers(keys, webhook_id, int(at.timestamp()), BODY)
    return request(body=body, extra=extra)


@contextlib.asynccontextmanager
async def listening(sink: SinkServer) -> AsyncIterator[str]:
    port = await sink.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await sink.stop()


async def until(happened: Callable[[], bool]) -> None:
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + 5
    while not happened():
        assert loop.time() < give_up_s
        await asyncio.sleep(0.01)


async def post(url: str, webhook_id: str) -> int:
    return (await exchange(url, request(webhook_id)))[0].status


async def test_it_answers_200_and_counts_each_webhook_once() -> None:
    sink = SinkServer()
    async with listening(sink) as url:
        statuses = [await post(url, name) for name in ("wh_1", "wh_2", "wh_1")]
    assert statuses == [200, 200, 200]
    assert (sink.received, sink.unique, sink.duplicates, sink.retries) == (3, 2, 1, 0)
    assert sink.has("wh_1")
    assert not sink.has("wh_3")
    assert (sink.in_flight, sink.max_in_flight, sink.finished) == (0, 1, 3)


async def test_a_webhook_that_comes_again_after_a_failure_is_no_duplicate() -> None:
    sink = SinkServer(Behaviour.FAILING)
    async with listening(sink) as url:
        assert [await post(url, "wh_1") for _ in range(3)] == [500, 500, 500]
        sink.behaviour = Behaviour.OK
        assert [await post(url, "wh_1") for _ in range(2)] == [200, 200]
    assert (sink.unique, sink.retries, sink.duplicates) == (1, 3, 1)


async def test_requests_without_an_id_are_received_but_are_no_webhooks() -> None:
    sink = SinkServer()
    async with listening(sink) as url:
        assert await post(url, "") == 200
        assert await post(url, "") == 200
    assert (sink.received, sink.unique, sink.duplicates) == (2, 0, 0)


@pytest.mark.parametrize("secret", [SECRET, SEED], ids=["hmac", "ed25519"])
async def test_a_right_signature_is_taken_and_a_wrong_one_answered_401(secret: str) -> None:
    verifying = public_key(secret) if secret == SEED else secret
    sink = SinkServer(secrets=["whsec_b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIh", verifying])
    now = datetime.now(UTC)
    old = now - timedelta(minutes=6)
    async with listening(sink) as url:
        answers = [
            (await exchange(url, sent))[0].status
            for sent in (
                signed("wh_1", secret, at=now),
                signed("wh_2", secret, body=b'{"n":2}', at=now),
                signed("wh_3", secret, at=old),
                request("wh_4"),
            )
        ]
    assert answers == [200, 401, 401, 401]
    assert (sink.received, sink.unique, sink.bad_signatures) == (4, 1, 3)


def test_the_private_half_of_a_key_pair_verifies_too() -> None:
    assert SinkServer(secrets=[SEED]).secrets == (public_key(SEED),)


@pytest.mark.parametrize("secret", ["whsec_!!", "whsk_eA==", "whsec_", ""])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        SinkServer(secrets=[secret])


async def test_slow_holds_all_requests_at_the_same_time() -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=0.4)
    loop = asyncio.get_running_loop()
    async with listening(sink) as url:
        began_s = loop.time()
        statuses = await asyncio.gather(*(post(url, f"wh_{n}") for n in range(200)))
        took_s = loop.time() - began_s
    assert statuses == [200] * 200
    assert sink.max_in_flight == 200
    assert 0.4 <= took_s < 4


async def test_changing_the_behaviour_ends_the_delay() -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=5)
    async with listening(sink) as url:
        sink.behaviour = Behaviour.OK
        async with asyncio.timeout(2):
            assert await post(url, "wh_1") == 200


async def test_failing_and_any_chosen_status_are_answered() -> None:
    for behaviour, status, expected in (
        (Behaviour.FAILING, None, 500),
        (Behaviour.FAILING, 410, 410),
        (Behaviour.OK, 204, 204),
        (Behaviour.OK, 299, 299),
    ):
        async with listening(SinkServer(behaviour, status=status)) as url:
            assert await post(url, "wh_1") == expected


async def test_flaky_fails_about_half_of_the_time_the_same_way_for_the_same_seed() -> None:
    async def answers(seed: int) -> list[int]:
        async with listening(SinkServer(Behaviour.FLAKY, seed=seed)) as url:
            sent = b"".join(request(f"wh_{n}") for n in range(100))
            return [answer.status for answer in await exchange(url, sent, 100)]

    first = await answers(1)
    assert set(first) == {200, 503}
    assert 30 <= first.count(503) <= 70
    assert await answers(1) == first
    assert await answers(2) != first


async def test_hanging_never_answers_and_forgets_the_request_when_the_client_leaves() -> None:
    sink = SinkServer(Behaviour.HANGING)
    async with listening(sink) as url:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await exchange(url, request("wh_1"))
        await until(lambda: sink.in_flight == 0)
    assert (sink.received, sink.finished, sink.duplicates) == (1, 1, 0)


async def test_reset_cuts_the_connection_in_the_middle() -> None:
    sink = SinkServer(Behaviour.RESET)
    async with listening(sink) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(request("wh_1"))
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()
    assert (sink.received, sink.finished) == (1, 1)


async def test_a_connection_is_kept_until_one_side_wants_to_close() -> None:
    sink = SinkServer()
    async with listening(sink) as url:
        sent = request("wh_1") + request("wh_2") + request("wh_3", extra="Connection: close\r\n")
        answers: list[Answer] = await exchange(url, sent, 3)
    assert ["connection" in answer.headers for answer in answers] == [False, False, True]
    assert (sink.connections, sink.unique) == (1, 3)


async def test_a_client_that_asks_before_sending_its_body_is_told_to_go_on() -> None:
    async with listening(SinkServer()) as url:
        interim, final = await exchange(url, request("wh_1", extra="Expect: 100-continue\r\n"), 2)
    assert (interim.status, final.status) == (100, 200)


async def test_what_is_no_http_is_answered_400() -> None:
    sink = SinkServer()
    async with listening(sink) as url:
        (answer,) = await exchange(url, b"\x16\x03\x01 hello\r\n\r\n")
    assert answer.status == 400
    assert sink.received == 0


async def test_the_ledger_has_one_receipt_for_each_request() -> None:
    receipts: list[Receipt] = []
    sink = SinkServer(on_receipt=receipts.append)
    loop = asyncio.get_running_loop()
    async with listening(sink) as url:
        began_s = loop.time()
        await exchange(url, request("wh_1", path="/a?b=c"))
        await exchange(url, request("wh_1"))
    first, second = receipts
    assert (first.webhook_id, first.path, first.status) == ("wh_1", "/a?b=c", 200)
    assert (first.size_bytes, first.duplicate, first.problem) == (len(BODY), False, None)
    assert (second.path, second.duplicate) == ("/hook", True)
    assert began_s <= first.received_s <= second.received_s <= loop.time()
    assert first.received_at.tzinfo is UTC


async def test_stopping_ends_what_still_hangs() -> None:
    sink = SinkServer(Behaviour.HANGING)
    port = await sink.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("wh_1"))
    await until(lambda: sink.received == 1)
    await sink.stop()
    assert await reader.read() == b""
    writer.close()
    assert not sink.open_connections
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
