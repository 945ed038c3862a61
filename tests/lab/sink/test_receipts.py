"""What is counted: firsts, retries, duplicates, latencies from the payload, and a whole ledger."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.scenario import Behaviour, Sink
from sureshot_lab.sink.config import Mode, SinkConfig
from sureshot_lab.sink.histogram import HIGHEST_US, fold, new_histogram, percentiles_s
from sureshot_lab.sink.ledger_file import read_ledger
from sureshot_lab.sink.sink_result import latencies_of, read_sink_result
from tests.lab.sink.webhooks import listening, webhook
from tests.support.http import exchange


def sent(ago_s: float, unit: str = "us") -> bytes:
    at_s = time.time() - ago_s
    scale = 1_000_000 if unit == "us" else 1_000
    return b'{"id": "run-1", "sent_at_%b": %d, "n": 1}' % (unit.encode(), at_s * scale)


async def test_again_after_a_success_is_a_duplicate_and_after_a_failure_a_retry(
    tmp_path: Path,
) -> None:
    async with listening(tmp_path) as sink:
        sink.server.switch(Mode.FAILS)
        assert [await sink.status(webhook("wh_1")) for _ in range(3)] == [503] * 3
        sink.server.switch(Mode.NORMAL)
        assert [await sink.status(webhook("wh_1")) for _ in range(3)] == [200] * 3
        assert await sink.status(webhook("wh_2")) == 200
        stats = sink.server.stats()
        entries = await sink.entries()
    assert (stats.received, stats.unique, stats.delivered) == (7, 2, 2)
    assert (stats.retries, stats.duplicates) == (3, 2)
    assert [e.kind.name for e in entries[:6]] == ["FIRST", *["RETRY"] * 3, *["DUPLICATE"] * 2]
    assert [e.delivered for e in entries] == [False, False, False, True, False, False, True]
    result = read_sink_result(tmp_path / "ledger.bin", stats)
    assert result.ids == ["wh_1", "wh_2"]
    assert result.delivered_ids == {"wh_1", "wh_2"}
    assert result.attempts == {1: 1, 6: 1}
    assert not result.incomplete


async def test_a_slow_success_makes_what_comes_after_it_a_duplicate(tmp_path: Path) -> None:
    async with listening(tmp_path, Behaviour(share=1, delay_s=0.1)) as sink:
        both = webhook("wh_1") + webhook("wh_1")
        assert [a.status for a in await exchange(sink.url, both, answers=2)] == [200, 200]
        assert await sink.status(webhook("wh_1")) == 200
        stats = sink.server.stats()
    # The second came while the first was not answered yet: nobody had told its sender of success.
    assert (stats.retries, stats.duplicates, stats.delivered) == (1, 1, 1)


async def test_requests_without_an_id_are_counted_apart(tmp_path: Path) -> None:
    async with listening(tmp_path) as sink:
        for _number in range(2):
            assert await sink.status(webhook("")) == 200
        stats = sink.server.stats()
        result = read_sink_result(tmp_path / "ledger.bin", await sink.server.finish())
    assert (stats.received, stats.unnamed, stats.unique, stats.duplicates) == (2, 2, 0, 0)
    assert result.ids == []


@pytest.mark.parametrize("unit", ["us", "ms"])
async def test_latency_counts_from_the_payloads_time_at_the_first_receipt_only(
    unit: str, tmp_path: Path
) -> None:
    async with listening(tmp_path) as sink:
        body = sent(1.5, unit)
        assert await sink.status(webhook("wh_1", body)) == 200
        assert await sink.status(webhook("wh_1", sent(500, unit))) == 200
        assert await sink.status(webhook("wh_2", sent(0.25, unit))) == 200
        stats = await sink.server.finish()
    result = read_sink_result(tmp_path / "ledger.bin", stats)
    assert result.latencies_us.get_total_count() == 2
    assert result.latencies_us.get_max_value() == pytest.approx(1_500_000, rel=0.05)
    assert result.latencies_us.get_value_at_percentile(50) == pytest.approx(250_000, rel=0.2)
    assert result.untimed == 0
    assert stats.p99_s == pytest.approx(1.5, rel=0.05)


async def test_a_payload_without_a_believable_time_is_no_latency(tmp_path: Path) -> None:
    far = b'{"sent_at_us":1}', sent(-5), sent(4000), b'{"sent_at_us":99999999999999999}', b"{}"
    late = b'{"pad":"' + b"x" * 600 + b'",' + sent(1)[1:]
    async with listening(tmp_path) as sink:
        for number, body in enumerate([*far, late]):
            assert await sink.status(webhook(f"wh_{number}", body)) == 200
        stats = await sink.server.finish()
    assert (stats.unique, stats.untimed, stats.p50_s) == (6, 6, None)


async def test_seconds_tell_rate_and_latency_from_the_origin_given(tmp_path: Path) -> None:
    async with listening(tmp_path) as sink:
        origin_s = time.time()
        for number in range(20):
            await sink.status(webhook(f"wh_{number}", sent(0.1)))
        sink.server.switch(Mode.FAILS)
        await sink.status(webhook("wh_20", sent(0.1)))
        stats = await sink.server.finish()
    path = tmp_path / "ledger.bin"
    (second,) = read_sink_result(path, stats, origin_s=origin_s).seconds
    assert second.at_s == pytest.approx(origin_s, abs=1e-5)
    assert (second.received, second.delivered) == (21, 20)
    assert second.p50_s == pytest.approx(0.1, abs=0.05)
    before = read_sink_result(path, stats, origin_s=origin_s - 2.5)
    assert before.started_at_s == pytest.approx(origin_s - 0.5, abs=1e-5)
    assert sum(s.received for s in before.seconds) == 21


async def test_latencies_of_some_endpoints_alone(tmp_path: Path) -> None:
    async with listening(tmp_path) as sink:
        for endpoint, ago_s in ((0, 1.0), (1, 3.0), (1, 3.0)):
            await sink.status(webhook(f"wh_{time.time_ns()}", sent(ago_s), endpoint))
        await sink.server.finish()
    ledger = read_ledger(tmp_path / "ledger.bin")
    assert latencies_of(ledger, [0]).get_max_value() == pytest.approx(1e6, rel=0.1)
    assert latencies_of(ledger, [1, 2]).get_total_count() == 2


def test_folding_many_values_is_recording_each() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([
        np.arange(5000),
        (10 ** rng.uniform(0, 9.5, 20_000)).astype(np.int64),
        np.array([0, 1, 2047, 2048, HIGHEST_US]),
    ]).astype(np.int64)  # fmt: skip
    one_by_one, folded = new_histogram(), new_histogram()
    for value in values.tolist():
        assert one_by_one.record_value(value)
    for part in np.array_split(values, 7):
        fold(folded, part)
    assert folded.encode() == one_by_one.encode()
    assert (folded.get_max_value(), folded.get_min_value()) == (
        one_by_one.get_max_value(),
        one_by_one.get_min_value(),
    )
    shares = (0.1, 50, 95, 99, 99.99, 100)
    exact = [one_by_one.get_value_at_percentile(share) / 1e6 for share in shares]
    assert percentiles_s(folded, shares) == exact


async def test_the_files_of_a_run_say_the_same(tmp_path: Path) -> None:
    async with listening(tmp_path) as sink:
        for number in range(50):
            await sink.status(webhook(f"wh_{number}", sent(0.5)))
        finish = b"POST /.sink/finish HTTP/1.1\r\ncontent-length: 0\r\n\r\n"
        told = (await sink.answer(finish)).json
        assert (await sink.status(webhook("wh_late"))) == 503
    assert told["received"] == told["unique"] == 50
    assert '"received": 50' in (tmp_path / "stats.json").read_text()
    saved = HdrHistogram.decode((tmp_path / "end-to-end.hdr").read_bytes())
    assert saved.get_total_count() == 50
    assert len(list(read_ledger(tmp_path / "ledger.bin").entries())) == 50


async def _ledger(folder: Path) -> Path:
    async with listening(folder) as sink:
        for number in range(10):
            await sink.status(webhook(f"wh_{number}"))
            sink.server.record.flush()
        await sink.server.finish()
    return folder / "ledger.bin"


async def test_a_cut_ledger_gives_what_is_whole_and_says_so(tmp_path: Path) -> None:
    path = await _ledger(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    result = read_sink_result(path, None)
    assert (result.received, result.ids[-1]) == (9, "wh_8")
    assert result.incomplete
    assert "cut off or damaged after 9 rows" in result.reason
    path.write_bytes(whole[:-16])
    result = read_sink_result(path, None)
    assert result.received == 10
    assert "ends after 10 rows, without its end" in result.reason
    path.write_bytes(whole[:150] + b"?" + whole[151:])
    assert "damaged" in read_sink_result(path, None).reason


def test_what_is_no_ledger_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableResult, match=r"ledger\.bin can't be read: No such file"):
        read_ledger(tmp_path / "ledger.bin")
    (tmp_path / "other.bin").write_bytes(b"something else")
    with pytest.raises(UnreadableResult, match="is not the ledger of a sink"):
        read_ledger(tmp_path / "other.bin")
    result = read_sink_result(tmp_path / "ledger.bin", None)
    assert result.incomplete
    assert result.seconds == []


async def test_a_full_disk_is_told_and_nothing_is_made_up(tmp_path: Path) -> None:
    async with listening(tmp_path) as sink:
        await sink.status(webhook("wh_1"))
        sink.server.stats()
        writer = sink.server.record._writer
        writer._thread.submit(lambda: None).result()
        writer._file.close()
        writer._file = os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb", 0)
        await sink.status(webhook("wh_2"))
        stats = await sink.server.finish()
    assert "No space left" in stats.problem
    result = read_sink_result(tmp_path / "ledger.bin", stats)
    assert (result.incomplete, result.received) == (True, 1)


async def test_a_reset_begins_anew(tmp_path: Path) -> None:
    config = SinkConfig(sink=Sink(behaviour=[Behaviour(share=0.5, delay_s=0.3)]), endpoints=2)
    async with listening(tmp_path, config=config) as sink:
        held = webhook("wh_held") + webhook("wh_2", endpoint=1)
        await sink.status(webhook("wh_1", endpoint=1))
        waiting = asyncio.create_task(exchange(sink.url, held, answers=2))
        await asyncio.sleep(0.1)
        assert sink.server.stats().received == 3
        reset = b"POST /.sink/reset HTTP/1.1\r\ncontent-length: 0\r\n\r\n"
        assert (await sink.answer(reset)).json["received"] == 0
        await waiting
        assert await sink.status(webhook("wh_1", endpoint=1)) == 200
        stats = await sink.server.finish()
    result = read_sink_result(tmp_path / "ledger.bin", stats)
    assert (result.ids, result.duplicates, result.incomplete) == (["wh_1"], 0, False)
