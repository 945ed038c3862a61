"""The native generator: what it says it measured is what the server saw."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from sureshot_lab.load.native import offer_native
from sureshot_lab.load.offer import Offered
from sureshot_lab.result import Interval
from sureshot_lab.scenario import Model
from tests.lab.k6.stub import Stub
from tests.lab.load.offers import generators, offer


async def test_what_was_measured_is_what_the_server_saw(stub: Stub, tmp_path: Path) -> None:
    seen: list[Interval] = []
    began_s = time.time()
    run = await offer_native(
        offer(stub.url, (1, 20, 100), (1.5, 150, 150)), tmp_path, watch=seen.append
    )
    assert run.intended == run.sent == run.accepted == stub.asked["submit"] == 285
    assert (run.failed, run.dropped, run.errors, run.stopped_early) == (0, 0, [], False)
    assert sorted(run.accepted_ids) == sorted(f"wh_{n + 1}" for n in range(285))
    assert [second.intended for second in run.intervals] == [60, 150, 75]
    assert [second.at_s for second in seen] == [0, 1, 2]
    assert run.latencies_us.get_total_count() == run.service_us.get_total_count() == 285
    assert run.wall_s == pytest.approx(2.5, abs=0.2)
    assert began_s < run.started_at_s < began_s + 5
    assert 0 < run.cpu_shares[0] < 1
    assert generators(tmp_path) == []


async def test_ids_and_times_come_before_the_payloads_own_members(
    stub: Stub, tmp_path: Path
) -> None:
    run = await offer_native(offer(stub.url, (1, 100, 100)), tmp_path)
    payloads = [asked["payload"] for asked in stub.submitted]
    assert {tuple(payload) for payload in payloads} == {
        ("id", "sent_at_us", "kind"),
        ("id", "sent_at_us"),
    }
    assert {payload.get("kind") for payload in payloads} == {"one", "zwölf", None}
    sent_at_us = {payload["id"]: payload["sent_at_us"] for payload in payloads}
    assert sorted(sent_at_us) == sorted(f"run-{number}" for number in range(100))
    # The intended times, not those of sending: 10 ms apart to the microsecond.
    for number in range(100):
        due_us = (run.started_at_s + (number + 0.5) / 100) * 1e6
        assert sent_at_us[f"run-{number}"] == pytest.approx(due_us, abs=3)


async def test_a_load_lasts_as_long_as_its_stages(stub: Stub, tmp_path: Path) -> None:
    run = await offer_native(offer(stub.url, (1, 10, 10), (2, 0, 0)), tmp_path)
    assert [second.sent for second in run.intervals] == [10, 0, 0]
    assert run.wall_s == pytest.approx(3, abs=0.1)


async def test_a_load_too_low_for_a_single_arrival_is_a_load_all_the_same(
    stub: Stub, tmp_path: Path
) -> None:
    made = await offer_native(offer(stub.url, (0.5, 0.5, 0.5)), tmp_path)
    assert (made.intended, made.sent, stub.asked["submit"]) == (0, 0, 0)
    assert made.wall_s == pytest.approx(0.5, abs=0.1)


async def test_arrivals_leave_on_time(stub: Stub, tmp_path: Path) -> None:
    run = await offer_native(offer(stub.url, (2, 100, 100)), tmp_path)
    waited_us = run.latencies_us.get_value_at_percentile(
        50
    ) - run.service_us.get_value_at_percentile(50)
    assert waited_us < 1000


async def test_a_stall_of_the_server_is_in_the_latencies(stub: Stub, tmp_path: Path) -> None:
    # So long that the end of a second is at least half a second into it.
    threading.Timer(2.0, stub.freeze, [1.5]).start()
    run = await offer_native(offer(stub.url, (5, 200, 200)), tmp_path)
    assert run.sent == run.accepted == 1000
    assert run.latencies_us.get_value_at_percentile(99) >= 500_000
    assert run.latencies_us.get_value_at_percentile(50) < 100_000
    assert max(second.in_flight for second in run.intervals) > 50
    late_us = run.lags_us.get_value_at_percentile(99)
    assert late_us < run.latencies_us.get_value_at_percentile(99) / 2, "it was not the generator"


async def interrupted(
    stub: Stub, folder: Path, *, rate: float, after: int, for_s: float
) -> Offered:
    """Offer *rate* for three seconds; the generator stands still *for_s*, *after* some requests."""
    running = asyncio.create_task(offer_native(offer(stub.url, (3, rate, rate)), folder))
    while stub.asked["submit"] < after:
        await asyncio.sleep(0.02)
    (process,) = generators(folder)
    process.suspend()
    await asyncio.sleep(for_s)
    process.resume()
    return await running


async def test_what_the_generator_itself_is_late_counts_as_well(stub: Stub, tmp_path: Path) -> None:
    run = await interrupted(stub, tmp_path, rate=200, after=100, for_s=0.8)
    assert run.accepted == 600
    late, served = run.latencies_us, run.service_us
    assert late.get_value_at_percentile(95) - served.get_value_at_percentile(95) > 300_000
    assert run.lags_us.get_total_count() == 600
    assert run.lags_us.get_value_at_percentile(95) > 300_000


async def test_what_leaves_late_counts_in_the_second_it_left_in(stub: Stub, tmp_path: Path) -> None:
    run = await interrupted(stub, tmp_path, rate=100, after=30, for_s=1.2)
    assert [second.intended for second in run.intervals[:3]] == [100, 100, 100]
    assert run.sent == sum(second.sent for second in run.intervals) == 300
    # Wherever the pause fell: some second lacks a fifth, and a later one makes up for it.
    assert min(second.sent for second in run.intervals[:3]) < 85
    assert max(second.sent for second in run.intervals) > 110


async def test_a_closed_loop_hides_the_same_stall(stub: Stub, tmp_path: Path) -> None:
    threading.Timer(2.0, stub.freeze, [1.0]).start()
    closed = offer(stub.url, (4, 0, 0), model=Model.CLOSED, connections=2)
    run = await offer_native(closed, tmp_path)
    assert run.latencies_us.get_max_value() > 500_000
    assert run.latencies_us.get_value_at_percentile(99) < 250_000


async def test_a_closed_loop_sends_as_soon_as_it_has_an_answer(stub: Stub, tmp_path: Path) -> None:
    stub.delay_s = 0.05
    closed = offer(stub.url, (2, 0, 0), model=Model.CLOSED, connections=5, generators=2)
    run = await offer_native(closed, tmp_path)
    assert run.intended == run.sent == run.accepted == stub.asked["submit"]
    assert 100 < run.sent <= 5 * 2 / 0.05
    assert run.latencies_us.equals(run.service_us)
    assert 0 < max(second.in_flight for second in run.intervals) <= 5
    assert run.wall_s == pytest.approx(2.05, abs=0.1)


async def test_failures_are_counted_by_kind_and_when_they_began(stub: Stub, tmp_path: Path) -> None:
    stub.refuse_every = 4
    run = await offer_native(offer(stub.url, (2, 40, 40)), tmp_path)
    assert [(error.what, error.count) for error in run.errors] == [("status 503", 20)]
    assert run.errors[0].first_at_s == pytest.approx(3.5 / 40, abs=1e-3)
    assert (run.accepted, run.failed, run.sent) == (60, 20, 80)
    assert run.latencies_us.get_total_count() == 80, "an answer is an answer"
    assert len(run.accepted_ids) == 60
    assert sum(second.failed for second in run.intervals) == 20


async def test_several_processes_are_one_load(stub: Stub, tmp_path: Path) -> None:
    seen: list[Interval] = []
    one = offer(stub.url, (1, 100, 100), (1, 200, 200), generators=3)
    run = await offer_native(one, tmp_path, watch=seen.append)
    numbers = [int(asked["payload"]["id"].removeprefix("run-")) for asked in stub.submitted]
    assert sorted(numbers) == list(range(300))
    assert [second.intended for second in run.intervals[:2]] == [100, 200]
    assert sum(second.sent for second in run.intervals) == 300
    assert [second.at_s for second in seen[:2]] == [0, 1]
    assert len(run.cpu_shares) == len(run.files) == 3
    each = [len(path.read_text().splitlines()) for path in run.files.values()]
    assert each == [100, 100, 100]
    assert len(set(run.accepted_ids)) == run.latencies_us.get_total_count() == 300


async def test_it_begins_when_told_to(stub: Stub, tmp_path: Path) -> None:
    begin_s = time.time() + 3
    run = await offer_native(offer(stub.url, (0.5, 20, 20)), tmp_path, start_at_s=begin_s)
    assert run.started_at_s == pytest.approx(begin_s, abs=0.01)
    first_us = min(asked["payload"]["sent_at_us"] for asked in stub.submitted)
    assert first_us / 1e6 == pytest.approx(begin_s + 0.025, abs=0.01)


async def test_a_name_is_looked_up(stub: Stub, tmp_path: Path) -> None:
    named = stub.url.replace("127.0.0.1", "localhost")
    run = await offer_native(offer(named, (0.5, 20, 20)), tmp_path)
    assert run.accepted == 10
