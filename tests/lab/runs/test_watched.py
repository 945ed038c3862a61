"""What a run samples beside the service itself, and what it says of what it could not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import aiormq
import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.runs.options import Options
from tests.lab.runs.conftest import Run
from tests.lab.sampler.test_kubernetes import stand_in
from tests.support.own_servers import OwnRabbitMQ, free_port
from tests.support.servers import AMQP, fresh_database, fresh_queue
from tests.support.service import ADMIN_TOKEN, API_TOKEN, running_service

TOKENS: dict[str, Any] = {"token": API_TOKEN, "admin_token": ADMIN_TOKEN}
NOBODY = "127.0.0.1:1"
DEADLOCKS = {"metric": "database_deadlocks", "comparison": "==", "limit": 0, "title": "Deadlocks"}


def sampled(result: RunResult) -> set[str]:
    return {name for sample in result.samples for name in sample.values}


def unread(result: RunResult) -> str:
    found = [one for one in result.findings if one.what == "Not everything could be sampled"]
    return found[0].evidence if found else ""


@pytest.mark.slow
@pytest.mark.parametrize("servers", ["postgres"])
async def test_the_stores_of_a_target_and_its_pods_are_sampled_where_they_are_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: str
) -> None:
    stand_in(tmp_path, "api-7d9f   250m   64Mi\nworker-0   500m   128Mi\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    async with fresh_database() as database, fresh_queue() as queue:
        connection = await aiormq.connect(AMQP)
        await (await connection.channel()).queue_declare(queue)
        async with running_service(tmp_path) as service:
            result = await run(
                once=True, target=service.url, database_url=database, queue_url=AMQP,
                queue_name=queue, kube_context="staging", kube_namespace="webhooks", **TOKENS,
            )  # fmt: skip
        await connection.close()
    assert {
        "postgres.commits_per_s", "rabbitmq.ready", "kubernetes.worker-0.cpu_cores"
    } <= sampled(result)  # fmt: skip
    assert result.metrics["database_deadlocks"] == 0
    called = (tmp_path / "called").read_text().splitlines()
    assert called == ["--context staging --namespace webhooks top pods --no-headers"]


@pytest.mark.slow
async def test_what_could_not_be_sampled_is_told_and_why_a_gate_is_without_a_figure(
    run: Run, tmp_path: Path
) -> None:
    async with running_service(tmp_path) as service:
        result = await run(
            {"gates.targets": ["lost"], "gates.own": [DEADLOCKS]},
            target=service.url, database_url=f"postgresql://ada:secret@{NOBODY}/none", **TOKENS,
        )  # fmt: skip
    assert unread(result).startswith("postgres: failed ")
    assert result.verdict is Verdict.INVALID
    (reason,) = [reason for reason in result.reasons if "not measured" in reason]
    assert reason.startswith("Deadlocks was not measured (postgres: failed ")
    assert "refused" in reason or "Connect call failed" in reason
    told = (tmp_path / "runs" / result.id / "result.json").read_text()
    assert "secret" not in told


@pytest.mark.slow
@pytest.mark.parametrize("servers", ["rabbitmq"])
async def test_without_a_management_api_a_run_says_what_to_enable(
    run: Run, tmp_path: Path, servers: str
) -> None:
    async with fresh_queue() as queue:
        connection = await aiormq.connect(AMQP)
        await (await connection.channel()).queue_declare(queue)
        async with running_service(tmp_path) as service:
            result = await run(
                target=service.url, queue_url=AMQP, queue_name=queue,
                management_url=f"http://127.0.0.1:{free_port()}", **TOKENS,
            )  # fmt: skip
        await connection.close()
    assert "rabbitmq details: failed" in unread(result)
    assert "rabbitmq: failed" not in unread(result)
    assert "rabbitmq.ready" in sampled(result)


@pytest.mark.slow
@pytest.mark.parametrize("servers", ["rabbitmq"])
async def test_a_run_of_the_cluster_tells_the_brokers_rates_and_memory(
    run: Run, monkeypatch: pytest.MonkeyPatch, servers: str
) -> None:
    broker, port = OwnRabbitMQ(), free_port()
    (broker.folder / "plugins").write_text("[rabbitmq_management].\n")
    (broker.folder / "none.conf").write_text(
        f"management.tcp.port = {port}\nmanagement.tcp.ip = 127.0.0.1\n"
    )
    await broker.start()
    monkeypatch.setenv("SURESHOT_LAB_QUEUE_URL", broker.url)
    try:
        result = await run(
            {"service.profile": "cluster", "load.stages": [[16, 50, 50]]},
            management_url=f"http://guest:guest@127.0.0.1:{port}",
        )
    finally:
        await broker.remove()
    assert {
        "rabbitmq.unacked", "rabbitmq.memory_bytes", "rabbitmq.published_per_s",
        "rabbitmq.acked_per_s",
    } <= sampled(result)  # fmt: skip
    assert result.metrics["queue_memory_max_bytes"] > 1000
    assert "rabbitmq details" not in unread(result)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"database_url": "postgresql://127.0.0.1/x"}, "--database-url names what a --target uses"),
        ({"queue_url": AMQP}, "--queue-url names what a --target uses"),
        ({"kube_namespace": "webhooks"}, "--kube-context"),
    ],
)
def test_what_says_too_little_is_a_sentence(told: dict[str, Any], words: str) -> None:
    with pytest.raises(LabError, match=words):
        Options(**told)
