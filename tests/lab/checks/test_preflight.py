"""Before a run: what is well is told with evidence, and each thing that is not is found."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sureshot_lab.checks.check import State
from sureshot_lab.checks.preflight import preflight
from tests.lab.checks.plans import a_plan, checks_of, failed
from tests.support.http import call
from tests.support.service import ADMIN_TOKEN, API_TOKEN, running_service

TOKENS: dict[str, Any] = {"token": API_TOKEN, "admin_token": ADMIN_TOKEN}


async def endpoints(url: str) -> int:
    return len((await call(url, "GET", "/api/v1/endpoints")).json["items"])


async def webhooks(url: str) -> list[str]:
    return [one["status"] for one in (await call(url, "GET", "/api/v1/webhooks")).json["items"]]


async def test_a_service_of_our_own_is_started_asked_and_sent_to(tmp_path: Path) -> None:
    told = await preflight(a_plan(tmp_path))
    found = checks_of(told)
    assert failed(told) == set()
    assert [tick.title for tick in told.ticks[:5]] == [
        "Test environment ready",
        "Monitoring tools configured",
        "Test data prepared",
        "Baselines established",
        "Alert thresholds set",
    ]
    assert "Sureshot 0." in found["service-starts"].evidence
    assert "1 process" in found["metrics"].evidence
    assert found["sqlite"].state == "ok"
    assert found["postgres"].state == found["rabbitmq"].state == "not applicable"
    assert "wh_" in found["delivery"].evidence
    assert "512 made from seed 1" in found["payloads"].evidence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("profile", ["cluster-postgres"])
async def test_the_stores_of_a_cluster_are_looked_at(tmp_path: Path, profile: str) -> None:
    told = await preflight(a_plan(tmp_path, {"service.profile": profile.partition("-")[0]}))
    found = checks_of(told)
    assert failed(told) == set()
    assert found["postgres"].state == found["rabbitmq"].state == "ok"
    assert "of 3 processes" in found["metrics"].evidence
    assert "connections" in found["postgres"].evidence


@pytest.mark.parametrize("sink_host", ["127.0.0.1", "127.0.0.2"])
async def test_a_target_is_asked_sent_one_webhook_and_left_as_it_was(
    tmp_path: Path, sink_host: str
) -> None:
    async with running_service(tmp_path) as service:
        plan = a_plan(tmp_path, target=service.url, sink_host=sink_host, **TOKENS)
        told = await preflight(plan)
        assert failed(told) == set()
        assert await endpoints(service.url) == 0
        assert await webhooks(service.url) == ["delivered"]
    found = checks_of(told)
    assert found["token"].state == found["admin-token"].state == "ok"
    assert "its files are not looked at" in found["sqlite"].evidence


@pytest.mark.parametrize("which", ["token", "admin_token"])
async def test_a_refused_token_fails_and_nothing_is_sent(tmp_path: Path, which: str) -> None:
    async with running_service(tmp_path) as service:
        told = await preflight(
            a_plan(tmp_path, target=service.url, **{**TOKENS, which: "mistyped"})
        )
        assert await webhooks(service.url) == []
    refused = checks_of(told)[which.replace("_", "-")]
    assert "refused with 401" in refused.evidence
    assert f"--{which.replace('_', '-')}" in refused.remedy
    assert failed(told) == {refused.name, "endpoints", "delivery"}
    assert told.state is State.FAILED


async def test_no_admin_token_is_a_warning(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        told = await preflight(a_plan(tmp_path, target=service.url, token=API_TOKEN))
    assert checks_of(told)["admin-token"].state == "warning"
    assert failed(told) == set()


async def test_a_target_that_is_not_there_fails(tmp_path: Path) -> None:
    told = await preflight(a_plan(tmp_path, target="http://127.0.0.1:1", **TOKENS))
    assert "does not answer" in checks_of(told)["target-ready"].evidence
    assert failed(told) == {"target-ready", "metrics", "endpoints", "delivery"}


async def test_what_only_a_service_of_our_own_can_have_fails_for_a_target(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, scenario="exhaustion", target="http://127.0.0.1:1", **TOKENS)
    told = checks_of(await preflight(plan))["environment"]
    assert told.state == "failed"
    assert "exhaustion needs service.descriptors" in told.evidence


@pytest.mark.parametrize("meant", [False, True])
async def test_production_is_not_touched_unless_it_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meant: bool
) -> None:
    monkeypatch.setenv("SURESHOT_LAB_PRODUCTION", "127.0.0.1")
    async with running_service(tmp_path) as service:
        told = await preflight(a_plan(tmp_path, target=service.url, means_it=meant, **TOKENS))
        assert await webhooks(service.url) == (["delivered"] if meant else [])
    production = checks_of(told)["not-production"]
    assert production.state == ("warning" if meant else "failed")
    assert ("not-production" in failed(told)) is not meant
    assert ("target-ready" in checks_of(told)) is meant


async def test_a_service_that_cannot_start_says_why(tmp_path: Path) -> None:
    told = await preflight(a_plan(tmp_path, {"service.settings.max_in_flite": 3}))
    found = checks_of(told)["service-starts"]
    assert found.state == "failed"
    assert "SURESHOT_MAX_IN_FLITE" in found.evidence
    assert list(tmp_path.iterdir()) == []


async def test_a_missing_interpreter_is_told_of(tmp_path: Path) -> None:
    told = await preflight(a_plan(tmp_path, {"service.python": "/nowhere/python"}))
    assert "/nowhere/python" in checks_of(told)["service-starts"].evidence


async def test_a_folder_that_cannot_be_made_fails(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    told = await preflight(a_plan(tmp_path, runs=tmp_path / "taken" / "runs"))
    assert "taken/runs cannot be written to" in checks_of(told)["runs-folder"].evidence
    assert {"runs-folder", "service-starts"} <= failed(told)


@pytest.fixture
def shut(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder nobody may write to: for root it takes a file system that is read-only."""
    folder = tmp_path / "shut"
    folder.mkdir(mode=0o500)
    if os.geteuid() != 0:
        yield folder
        return
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "sureshot-test", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"root may write everywhere, and here mount nothing: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_read_only_folder_fails(tmp_path: Path, shut: Path) -> None:
    told = await preflight(a_plan(tmp_path, runs=shut / "runs"))
    assert "shut/runs cannot be written to" in checks_of(told)["runs-folder"].evidence
    assert {"runs-folder", "service-starts"} <= failed(told)


async def test_receivers_the_service_may_not_reach_are_found(tmp_path: Path) -> None:
    async with running_service(tmp_path, allowed_networks=()) as service:
        told = await preflight(a_plan(tmp_path, target=service.url, **TOKENS))
        assert await endpoints(service.url) == 0
    assert failed(told) & {"endpoints", "delivery"}
    assert "127.0.0.1" in str([checks_of(told).get(name) for name in ("endpoints", "delivery")])


async def test_a_payload_above_the_services_limit_is_found(tmp_path: Path) -> None:
    changes = {"payload.mix": {"user.created": 0.9, "document.exported": 0.1}}
    async with running_service(tmp_path, max_body_bytes=8192) as service:
        told = await preflight(a_plan(tmp_path, changes, target=service.url, **TOKENS))
    assert "refused with 413" in checks_of(told)["delivery"].evidence
    assert failed(told) == {"delivery"}


async def test_a_kind_of_payload_that_does_not_exist_fails(tmp_path: Path) -> None:
    told = await preflight(a_plan(tmp_path, {"payload.mix": {"user.creatd": 1.0}}))
    assert "did you mean 'user.created'" in checks_of(told)["payloads"].evidence
    assert {"payloads", "delivery"} <= failed(told)
