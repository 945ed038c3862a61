"""How endpoints answer: slow, failing, hanging, cut off, and by turns."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from pathlib import Path

import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.scenario import Behaviour, Sink
from sureshot_lab.sink.behaviour import assign
from sureshot_lab.sink.config import SinkConfig
from tests.lab.sink.webhooks import listening, timed, webhook
from tests.support.http import exchange


async def test_an_endpoint_without_a_behaviour_answers_200_at_once(tmp_path: Path) -> None:
    async with listening(tmp_path) as sink:
        status, took_s = await timed(sink.port, webhook("wh_1"))
        assert (await sink.answer(webhook("wh_2", endpoint=4))).status == 404
        stats = sink.server.stats()
    assert status == 200
    assert took_s < 0.05
    assert (stats.received, stats.unrouted) == (1, 1)


async def test_a_constant_delay_holds_every_answer_that_long(tmp_path: Path) -> None:
    async with listening(tmp_path, Behaviour(share=1, delay_s=0.2)) as sink:
        answers = await asyncio.gather(*[timed(sink.port, webhook(f"wh_{n}")) for n in range(20)])
    assert {status for status, _took_s in answers} == {200}
    assert all(0.19 <= took_s < 0.4 for _status, took_s in answers)


async def test_delays_are_log_normal_with_the_median_and_p95_asked_for(tmp_path: Path) -> None:
    slow = Behaviour(share=1, delay_s=0.1, delay_p95_s=0.3)
    async with listening(tmp_path, slow) as sink:
        for part in range(6):
            requests = [webhook(f"wh_{part}_{n}") for n in range(100)]
            await asyncio.gather(*[timed(sink.port, each) for each in requests])
        entries = await sink.entries()
    # By the sink's own times: how long so many connections take to open is not the sink's.
    began_us = {e.webhook_id: e.at_us for e in entries if e.kind.name == "FIRST"}
    answered = [e for e in entries if e.kind.name == "ANSWERED"]
    took_s = sorted((e.at_us - began_us[e.webhook_id]) / 1e6 for e in answered)
    assert len(took_s) == 600
    assert statistics.median(took_s) == pytest.approx(0.1, rel=0.2)
    assert took_s[570] == pytest.approx(0.3, rel=0.3)
    assert took_s[0] < 0.05


async def test_a_share_fails_with_the_status_and_retry_after_asked_for(tmp_path: Path) -> None:
    failing = Behaviour(share=1, failure_share=0.3, status=429, retry_after_s=7)
    async with listening(tmp_path, failing) as sink:
        requests = b"".join(webhook(f"wh_{n}") for n in range(1000))
        answers = await exchange(sink.url, requests, answers=1000)
    statuses = Counter(answer.status for answer in answers)
    assert statuses.keys() == {200, 429}
    assert 240 <= statuses[429] <= 360
    retry_after = {a.status: a.headers.get("retry-after") for a in answers}
    assert retry_after == {200: None, 429: "7"}


async def test_a_hanging_endpoint_never_answers_and_holds_up_no_other(tmp_path: Path) -> None:
    async with listening(tmp_path, Behaviour(share=0.25, hang=True)) as sink:
        hanging = asyncio.create_task(timed(sink.port, webhook("wh_1")))
        await asyncio.sleep(0.3)
        assert not hanging.done()
        assert (await timed(sink.port, webhook("wh_2", endpoint=1)))[1] < 0.1
        assert sink.server.stats().in_flight == 1
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        await asyncio.sleep(0.05)
        stats = sink.server.stats()
    assert (stats.in_flight, stats.received, stats.delivered) == (0, 2, 1)


async def test_a_resetting_endpoint_cuts_the_connection(tmp_path: Path) -> None:
    async with listening(tmp_path, Behaviour(share=1, reset=True)) as sink:
        with pytest.raises(ConnectionResetError):
            await timed(sink.port, webhook("wh_1"))
        await asyncio.sleep(0.05)
        stats = sink.server.stats()
    assert (stats.received, stats.delivered, stats.in_flight) == (1, 0, 0)


async def test_a_flapping_endpoint_is_well_and_ill_by_turns(tmp_path: Path) -> None:
    now_s = 100.0
    flapping = Behaviour(share=1, failure_share=1, status=500, flap_s=10)
    async with listening(tmp_path, flapping, clock=lambda: now_s) as sink:
        statuses = []
        for later_s in (0, 9.9, 10, 19.9, 20, 30):
            now_s = 100 + later_s
            statuses.append(await sink.status(webhook(f"wh_{later_s}")))
    assert statuses == [200, 200, 500, 500, 200, 500]


async def _statuses(folder: Path, seed: int) -> list[int]:
    failing = Behaviour(share=1, failure_share=0.5)
    config = SinkConfig(sink=Sink(behaviour=[failing]), endpoints=2, seed=seed)
    async with listening(folder, config=config) as sink:
        requests = [webhook(f"wh_{n}", endpoint=n % 2) for n in range(60)]
        return [a.status for a in await exchange(sink.url, b"".join(requests), answers=60)]


async def test_equal_seeds_fail_the_same_requests(tmp_path: Path) -> None:
    first, again, other = [await _statuses(tmp_path / str(n), n // 2) for n in range(3)]
    assert first == again
    assert first != other
    assert first[::2] != first[1::2]


async def test_answers_of_one_connection_come_in_order_however_slow(tmp_path: Path) -> None:
    slow, failing = Behaviour(share=0.25, delay_s=0.2), Behaviour(share=0.25, failure_share=1)
    async with listening(tmp_path, slow, failing) as sink:
        requests = webhook("wh_1") + webhook("wh_2", endpoint=1) + webhook("wh_3", endpoint=2)
        answers = await exchange(sink.url, requests, answers=3)
        entries = await sink.entries()
    assert [answer.status for answer in answers] == [200, 503, 200]
    answered = [e for e in entries if e.kind.name == "ANSWERED"]
    assert [(e.webhook_id, e.status, e.delivered) for e in answered] == [
        ("wh_1", 200, True),
        ("wh_2", 503, False),
        ("wh_3", 200, True),
    ]


async def test_a_thousand_connections_are_held_at_once(tmp_path: Path) -> None:
    async with listening(tmp_path, Behaviour(share=1, delay_s=1)) as sink:
        answers = await asyncio.gather(*[timed(sink.port, webhook(f"wh_{n}")) for n in range(1000)])
        stats = sink.server.stats()
    assert {status for status, _took_s in answers} == {200}
    assert (stats.in_flight, stats.in_flight_max, stats.connections_max) == (0, 1000, 1000)
    assert stats.delivered == 1000


def test_behaviours_are_dealt_to_shares_of_the_endpoints_in_order() -> None:
    slow, ill = Behaviour(share=0.5, delay_s=1), Behaviour(share=0.25, hang=True)
    assert assign([slow, ill], 8) == [slow] * 4 + [ill] * 2 + [None] * 2
    assert assign([Behaviour(share=0.01)], 5) == [Behaviour(share=0.01), *[None] * 4]
    assert assign([Behaviour(share=1 / 3)] * 3, 10) == [Behaviour(share=1 / 3)] * 10


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (Behaviour(share=0), "share must be above 0"),
        (Behaviour(share=1.2), "at most 1"),
        (Behaviour(share=1, delay_s=-1), "delay_s must not be negative"),
        (Behaviour(share=1, delay_p95_s=1), "delay_s above 0"),
        (Behaviour(share=1, delay_s=2, delay_p95_s=1), "at least delay_s"),
        (Behaviour(share=1, failure_share=2), "between 0 and 1"),
        (Behaviour(share=1, status=200), "a failure"),
        (Behaviour(share=1, flap_s=0), "flap_s must be above 0"),
        (Behaviour(share=1, capacity=1), "capacity must be at least 1"),
        (Behaviour(share=1, queue=1), "queue must not be negative, and needs a capacity"),
        (Behaviour(share=1, hang=True, reset=True), "exclude each other"),
    ],
)
def test_a_behaviour_that_contradicts_itself_is_refused(behaviour: Behaviour, said: str) -> None:
    with pytest.raises(LabError, match=said):
        assign([behaviour], 4)


def test_more_behaviours_than_endpoints_are_refused() -> None:
    with pytest.raises(LabError, match="3 of 2 endpoints"):
        assign([Behaviour(share=0.1)] * 3, 2)
    with pytest.raises(LabError, match=r"add up to 1\.2"):
        assign([Behaviour(share=0.6)] * 2, 10)


async def test_what_is_too_much_for_its_capacity_waits_and_beyond_is_refused(
    tmp_path: Path,
) -> None:
    desk = Behaviour(share=1, delay_s=0.2, capacity=2, queue=4, status=429)
    async with listening(tmp_path, desk) as sink:
        answers = await asyncio.gather(*[timed(sink.port, webhook(f"wh_{n}")) for n in range(10)])
        # The line is empty again: the next one is taken.
        again = await timed(sink.port, webhook("wh_again"))
    assert Counter(status for status, _took_s in answers) == {200: 6, 429: 4}
    waited = sorted(took_s for status, took_s in answers if status == 200)
    wanted = [0.2, 0.2, 0.4, 0.4, 0.6, 0.6]
    assert all(at <= took_s < at + 0.15 for took_s, at in zip(waited, wanted, strict=True))
    assert again[0] == 200
