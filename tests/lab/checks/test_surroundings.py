"""Before a run: the machine, the monitors, the baseline and the limits, each made wrong once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sureshot_lab.analysis.baselines import baseline_of, save_baseline
from sureshot_lab.checks import versions
from sureshot_lab.checks.baseline import check_baseline
from sureshot_lab.checks.clock import NtpState, check_drift, check_ntp, read_ntp, watch_clock
from sureshot_lab.checks.cpu import CpuUse, check_cpu, watch_cpu
from sureshot_lab.checks.descriptors import check_descriptors, check_ports
from sureshot_lab.checks.environment import Reached
from sureshot_lab.checks.monitors import check_monitors
from sureshot_lab.checks.room import check_disk, check_memory
from sureshot_lab.checks.thresholds import check_gates, check_rules
from sureshot_lab.checks.versions import check_versions
from sureshot_lab.errors import LabError, ToolMissing
from sureshot_lab.machine import describe
from sureshot_lab.observability.rules.__main__ import main as write_rules
from sureshot_lab.runs.client import ServiceClient
from sureshot_lab.runs.ground import free_port, small_disk
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.own_service import OwnService
from sureshot_lab.scenario import Service
from tests.lab.analysis.runs import conditions, repeated
from tests.lab.checks.plans import a_plan
from tests.lab.checks.stakeholder import stakeholder
from tests.observability.programs import program
from tests.support.servers import fresh_database
from tests.support.service import API_TOKEN, running_service


@pytest.mark.parametrize(
    ("idle", "steal", "state"),
    [(0.50, 0.0, "ok"), (0.49, 0.0, "failed"), (0.97, 0.019, "ok"), (0.97, 0.02, "failed")],
)
def test_half_of_the_cpu_must_be_free_and_none_taken_away(
    idle: float, steal: float, state: str
) -> None:
    assert check_cpu(CpuUse(idle=idle, steal=steal)).state == state


async def test_a_machine_that_is_busy_is_seen_to_be() -> None:
    work = ("nice", "-n", "10", sys.executable, "-c", "while True: pass")
    busy = [await asyncio.create_subprocess_exec(*work) for _core in range(os.cpu_count() or 1)]
    try:
        use = await watch_cpu(0.6)
    finally:
        for process in busy:
            process.kill()
            await process.wait()
    assert use.idle < 0.5


async def test_a_clock_that_was_set_is_found_out() -> None:
    assert check_drift(await watch_clock(0.2)).state == "ok"
    assert check_drift(-0.003).state == "failed"


def test_a_clock_of_its_own_needs_synchronising_only_for_another_machine() -> None:
    free = NtpState(synchronised=False, most_error_s=16.0)
    assert check_ntp(free, None).state == "ok"
    assert check_ntp(free, "http://127.0.0.1:8080").state == "ok"
    assert check_ntp(free, "http://10.0.0.5:8080").state == "warning"
    assert "4.00 ms" in check_ntp(NtpState(True, 0.004), "http://10.0.0.5").evidence
    assert check_ntp(None, "http://10.0.0.5").state == "not applicable"


def test_what_the_kernel_says_of_its_clock_is_read() -> None:
    told = read_ntp()
    assert told is None or 0 <= told.most_error_s <= 16.0


def test_ten_thousand_in_flight_need_more_descriptors_than_a_shell_gives(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, scenario="concurrent-10k")
    few = check_descriptors(plan, hard_limit=4096)
    assert few.state == "failed"
    assert "11,000 in flight" in few.evidence
    assert check_descriptors(plan, hard_limit=20_000).state == "ok"
    assert check_descriptors(a_plan(tmp_path), hard_limit=4096).state == "ok"


def test_receivers_that_hang_hold_requests_until_the_service_gives_up(tmp_path: Path) -> None:
    behaviour = [{"share": 0.5, "hang": True}]
    changes = {"load.stages": [[5, 1000, 1000]], "sink.behaviour": behaviour}
    assert a_plan(tmp_path, changes).in_flight == 7500
    capped = {**changes, "service.settings.max_in_flight": 2000}
    assert a_plan(tmp_path, capped).in_flight == 2000


def test_too_few_ports_are_found(tmp_path: Path) -> None:
    file = tmp_path / "ports"
    file.write_text("40000\t40999\n")
    assert check_ports(a_plan(tmp_path), file).state == "ok"
    assert check_ports(a_plan(tmp_path, scenario="concurrent-10k"), file).state == "failed"


def test_memory_for_every_process_must_be_there(tmp_path: Path) -> None:
    cluster = a_plan(tmp_path, {"service.profile": "cluster", "service.workers": 6})
    assert check_memory(cluster, available_bytes=8 << 30).state == "ok"
    assert check_memory(cluster, available_bytes=3 << 30).state == "warning"
    assert check_memory(cluster, available_bytes=1 << 30).state == "failed"
    assert check_memory(a_plan(tmp_path), available_bytes=1 << 30).state == "ok"


def test_a_disk_that_is_too_small_is_found(tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "small", 4 << 20):
            told = check_disk(a_plan(tmp_path / "small"))
    except (LabError, subprocess.CalledProcessError) as error:
        pytest.skip(str(error))
    assert told.state == "failed"
    assert "4.00 MiB free" in told.evidence


def test_a_missing_baseline_is_a_warning_with_the_command_to_make_one(tmp_path: Path) -> None:
    told = check_baseline(a_plan(tmp_path))
    assert told.state == "warning"
    assert "`sureshot lab run smoke --smoke` 4 times" in told.remedy
    assert "sureshot lab baseline save" in told.remedy


@pytest.mark.parametrize(
    ("runs", "changed", "state", "words"),
    [
        (5, {}, "ok", "5 runs at revision abc"),
        (3, {}, "warning", "too few"),
        (5, {"size": "full"}, "warning", "full local native"),
        (5, {"machine": {"fingerprint": "another"}}, "warning", "none of this machine"),
    ],
)
def test_a_baseline_must_be_of_the_same_run_on_this_machine(
    tmp_path: Path, runs: int, changed: dict[str, object], state: str, words: str
) -> None:
    here = {
        "size": "smoke",
        "revision": "abc",
        "machine": {"fingerprint": describe()["fingerprint"]},
    }
    told = conditions(**{**here, **changed})
    results = repeated([1.0] * runs, "submission_p99_s", scenario="smoke", conditions=told)
    save_baseline(tmp_path / "baselines", baseline_of(results))
    found = check_baseline(a_plan(tmp_path))
    assert found.state == state
    assert words in found.evidence


def test_a_file_that_is_no_baseline_is_told_of(tmp_path: Path) -> None:
    broken = tmp_path / "baselines" / "smoke" / "machine" / "abc.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{}")
    assert "abc.json is not a baseline" in check_baseline(a_plan(tmp_path)).evidence


def test_alert_rules_of_other_targets_are_stale(tmp_path: Path) -> None:
    assert check_rules(tmp_path / "nowhere").state == "not applicable"
    assert write_rules(["--into", str(tmp_path), "--runbooks", "https://wiki.example/x"]) == 0
    assert check_rules(tmp_path).state == "ok"
    alerts = tmp_path / "alerts.yml"
    alerts.write_text(alerts.read_text().replace("> 5000", "> 50000"))
    stale = check_rules(tmp_path)
    assert stale.state == "failed"
    assert "alerts.yml" in stale.evidence
    assert "recording.yml" not in stale.evidence


@pytest.mark.parametrize("text", ["groups: 7", "- nothing", "a: [", ""])
def test_rules_that_are_none_are_stale(tmp_path: Path, text: str) -> None:
    assert write_rules(["--into", str(tmp_path)]) == 0
    (tmp_path / "recording.yml").write_text(text)
    assert "recording.yml" in check_rules(tmp_path).evidence


def test_a_scenario_that_asks_for_nothing_fails(tmp_path: Path) -> None:
    assert check_gates(a_plan(tmp_path, {"gates.targets": [], "gates.own": []})).state == "failed"
    assert "'speed'" in check_gates(a_plan(tmp_path, {"gates.targets": ["speed"]})).evidence


def test_k6_is_needed_only_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> Path:
        raise ToolMissing("k6 is not installed")

    monkeypatch.setattr(versions, "find_k6", none)
    for engine, state in (("k6", "failed"), ("native", "not applicable")):
        found = {check.name: check for check in check_versions(a_plan(tmp_path, engine=engine))}
        assert found["k6"].state == state
    found = {check.name: check for check in check_versions(a_plan(tmp_path, engine="fast"))}
    assert "'fast'" in found["engine"].evidence


def test_a_scenario_without_a_stage_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"load\.stages is empty"):
        a_plan(tmp_path, {"load.stages": []})


async def test_metrics_of_something_else_fail(tmp_path: Path) -> None:
    async with stakeholder(200) as somebody:
        client = ServiceClient(f"http://127.0.0.1:{somebody.port}", API_TOKEN)
        found = (await check_monitors(Reached([], client=client), None))[0]
    assert found.state == "failed"
    assert "not with the figures of a Sureshot" in found.evidence


@pytest.mark.parametrize("servers", ["postgres"])
async def test_the_stores_of_a_target_are_read_where_they_are_named(
    tmp_path: Path, servers: str
) -> None:
    async with running_service(tmp_path) as service, fresh_database() as database:
        client = ServiceClient(service.url, API_TOKEN)
        dead = "amqp://guest:guest@127.0.0.1:1/"
        options = Options(target=service.url, database_url=database, queue_url=dead)
        checks = await check_monitors(Reached([], client=client), None, options)
        unnamed = await check_monitors(Reached([], client=client), None)
    found = {check.name: check for check in checks}
    assert found["postgres"].state == "ok"
    assert "connections" in found["postgres"].evidence
    assert found["rabbitmq"].state == "failed"
    told = {check.name: check for check in unnamed}
    assert told["postgres"].state == told["rabbitmq"].state == "not applicable"
    assert "--database-url" in told["postgres"].evidence


async def test_processes_that_begin_later_are_waited_for(tmp_path: Path) -> None:
    port = free_port()
    deployment = OwnService(Service(), tmp_path / "own", None)
    async with running_service(tmp_path) as first, contextlib.AsyncExitStack() as later:
        deployment.metrics_urls = [first.url, f"http://127.0.0.1:{port}"]
        looking = asyncio.create_task(check_monitors(Reached([], service=deployment), None))
        await asyncio.sleep(0.5)
        assert not looking.done()
        (tmp_path / "second").mkdir()
        await later.enter_async_context(running_service(tmp_path / "second", port=port))
        found = (await looking)[0]
    assert found.state == "ok"
    assert "of 2 processes" in found.evidence


async def test_a_prometheus_must_be_there_and_scrape_the_service(tmp_path: Path) -> None:
    async def told(url: str) -> str:
        checks = await check_monitors(Reached([]), url)
        return f"{checks[-1].state}: {checks[-1].evidence}"

    assert (await told("http://127.0.0.1:1")).startswith("failed")
    async with running_service(tmp_path) as service:
        port = free_port()
        process = _prometheus(tmp_path, port, service.url.partition("//")[2])
        try:
            url = f"http://127.0.0.1:{port}"
            said = await _until(lambda: told(url), "ok: ")
            assert "1 of 1 targets" in said
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)


def _prometheus(folder: Path, port: int, target: str) -> subprocess.Popen[bytes]:
    job = {"job_name": "sureshot", "static_configs": [{"targets": [target]}]}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
    (folder / "prometheus.json").write_text(json.dumps(config))
    with (folder / "prometheus.log").open("wb") as log:
        return subprocess.Popen(
            [
                str(program("prometheus")),
                f"--config.file={folder / 'prometheus.json'}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
            ],
            stdout=log,
            stderr=log,
        )


async def _until(ask: Callable[[], Awaitable[str]], begin: str) -> str:
    until_s = time.monotonic() + 30
    said = ""
    while not said.startswith(begin) and time.monotonic() < until_s:
        said = await ask()
        await asyncio.sleep(0.2)
    return said
