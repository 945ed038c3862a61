"""A real service, loaded and killed, as its own metrics tell it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sureshot.cli.sink_server import SinkServer
from sureshot_lab.errors import LabError
from sureshot_lab.sampler.exposition import Series, read_exposition
from sureshot_lab.sampler.http_get import HttpGet
from sureshot_lab.sampler.processes import Processes
from sureshot_lab.sampler.sampler import Sampler
from sureshot_lab.sampler.service_metrics import ServiceMetrics
from sureshot_lab.sampler.source import SourceUnreadable
from sureshot_lab.sampler.sqlite_files import DatabaseFiles
from sureshot_lab.sampler.summary import summarise
from tests.lab.sampler.sources import values_of
from tests.support.cluster import Member
from tests.support.load import submit_many
from tests.support.service import API_TOKEN, running_service

SUBMISSIONS = "/api/v1/webhooks"


@contextlib.asynccontextmanager
async def sink() -> AsyncIterator[tuple[SinkServer, str]]:
    """Run a receiver; yields it and its url."""
    server = SinkServer()
    port = await server.start()
    try:
        yield server, f"http://127.0.0.1:{port}/"
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def member(folder: Path) -> AsyncIterator[Member]:
    """Run a service with SQLite as a process of its own."""
    started = Member(
        "all",
        folder,
        {
            "SURESHOT_DATABASE_URL": f"sqlite:///{folder}/sureshot.db",
            "SURESHOT_ALLOWED_NETWORKS": "127.0.0.0/8",
            "SURESHOT_API_TOKEN": API_TOKEN,
            "SURESHOT_LOG_LEVEL": "error",
        },
    )
    await started.start()
    try:
        yield started
    finally:
        await started.end()


async def delivered(server: SinkServer, count: int) -> None:
    async with asyncio.timeout(20):
        while server.unique < count:
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_what_a_service_did_is_counted_over_its_processes_death(tmp_path: Path) -> None:
    async with sink() as (server, target), member(tmp_path) as service:
        metrics = ServiceMetrics([service.url])
        sampler = Sampler(
            [
                Processes({"service": lambda: [service.pid]}),
                metrics,
                DatabaseFiles(tmp_path / "sureshot.db"),
            ],
            every_s=0.25,
        )
        await sampler.start()
        await submit_many(service.url, 200, target, rate_per_s=400)
        await delivered(server, 200)
        await asyncio.sleep(0.3)
        first = dict(metrics.counted())
        await service.end()
        await asyncio.sleep(0.6)
        await service.start()
        await submit_many(service.url, 100, target, rate_per_s=400)
        await delivered(server, 300)
        samples = await sampler.stop()
    assert all(value >= 0 for sample in samples for value in sample.values.values())
    assert max(values_of(samples, "metrics.accepted_per_s")) > 100
    assert max(values_of(samples, "metrics.delivered_per_s")) > 100
    counted = metrics.counted()
    assert counted[Series("sureshot_webhooks_accepted_total")] == 300
    (before,) = [row for row in metrics.routes() if row.route == SUBMISSIONS]
    (after,) = [row for row in metrics.routes(since=first) if row.route == SUBMISSIONS]
    assert (before.count, after.count) == (300, 100)
    assert 0 < before.p50_s <= before.p95_s <= before.p99_s
    assert 0 < before.mean_s < 1
    told = metrics.summary()
    assert 0 < told["queue_latency_p50_s"] <= told["queue_latency_p99_s"]
    assert told["batch_rows.intake"] >= 1
    histogram = metrics.histogram("sureshot_delivery_duration_seconds")
    assert histogram is not None
    assert histogram.count == pytest.approx(300, abs=5)
    assert sampler.problems[0].startswith("metrics: failed")
    assert {0.0, 1.0} <= set(values_of(samples, "service.processes"))
    assert values_of(samples, "sqlite.database_bytes")[-1] > 0
    assert values_of(samples, "metrics.cpu_s")[-1] == pytest.approx(
        values_of(samples, "service.cpu_s")[-1], rel=0.25
    )
    figures = summarise(samples, delivered=300)
    assert 20 < figures["service_cpu_us_per_webhook"] < 50_000
    assert 20e6 < figures["service_rss_max_bytes"] < 500e6


async def test_gauges_failures_and_refusals_are_told(tmp_path: Path) -> None:
    async with running_service(tmp_path, max_in_flight=4) as service:
        source = ServiceMetrics([service.url])
        first = await source.read()
        assert first["metrics.processes"] == 1
        assert first["metrics.rss_bytes"] == first["metrics.rss_max_bytes"] > 20e6
        assert not [name for name in first if name.endswith("_per_s")]
        assert "metrics.queue_latency_p99_s" not in first
        # Nobody listens there.
        began_s = time.monotonic()
        await submit_many(service.url, 5, "http://127.0.0.1:9/")
        await asyncio.sleep(1.2)
        values = await source.read()
        elapsed_s = time.monotonic() - began_s
        await source.close()
    assert values["metrics.backlog"] == 5
    assert values["metrics.accepted_per_s"] * elapsed_s == pytest.approx(5, rel=0.1)
    assert values["metrics.attempts_failed_per_s"] == values["metrics.attempts_per_s"] > 0
    assert values["metrics.delivered_per_s"] == values["metrics.rejected"] == 0
    assert values["metrics.requests_per_s"] >= values["metrics.accepted_per_s"] > 0
    assert 0 < values["metrics.queue_latency_p50_s"] <= values["metrics.queue_latency_p99_s"]
    assert values["metrics.cpu_cores"] > 0
    names = {"queue_depth", "in_flight", "oldest_due_s", "breaker_open", "fds"}
    assert {f"metrics.{name}" for name in names} <= values.keys()


async def test_processes_are_summed_or_the_highest_is_taken(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    async with running_service(folders[0]) as one, running_service(folders[1]) as other:
        urls = [one.url, f"{other.url}/metrics"]
        source = ServiceMetrics(lambda: urls)
        await source.read()
        await asyncio.gather(
            submit_many(one.url, 3, "http://127.0.0.1:9/"),
            submit_many(other.url, 4, "http://127.0.0.1:9/"),
        )
        await asyncio.sleep(1.2)
        both = await source.read()
        assert both["metrics.processes"] == 2
        assert both["metrics.backlog"] == 4
        assert source.counted()[Series("sureshot_webhooks_accepted_total")] == 7
        assert both["metrics.rss_bytes"] == pytest.approx(
            2 * both["metrics.rss_max_bytes"], rel=0.1
        )
        await one.stop()
        alone = await source.read()
        assert alone["metrics.processes"] == 1
        assert alone["metrics.backlog"] == 4
        urls.pop(0)
        assert (await source.read())["metrics.processes"] == 1
        await source.close()


async def test_every_line_is_read_as_the_reference_reads_it(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        await submit_many(service.url, 5, "http://127.0.0.1:9/")
        http = HttpGet(service.url)
        text = (await http.fetch("/metrics")).decode()
        await http.close()
    reference = {
        Series(sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert len(reference) > 100
    assert read_exposition(text, ("sureshot_", "http_", "process_", "python_")) == reference


async def test_a_connection_the_server_ended_is_opened_again(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        port = int(service.url.rpartition(":")[2])
        source = ServiceMetrics([service.url])
        await source.read()
    async with running_service(tmp_path, port=port):
        assert (await source.read())["metrics.processes"] == 1
    with pytest.raises(SourceUnreadable, match=f"http://127.0.0.1:{port}/metrics: .*refused"):
        await source.read()
    await source.close()


@contextlib.asynccontextmanager
async def pages(*texts: str) -> AsyncIterator[str]:
    """Serve these metrics one after the other; yields the address."""
    left = list(texts)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + left.pop(0).encode())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def calls(quick: int, slow: int, labels: str) -> str:
    """Return a histogram of requests: *quick* ones of 50 ms and *slow* ones of half a second."""
    series, count = f'{{endpoint="{SUBMISSIONS}"{labels}', quick + slow
    return (
        f'http_request_duration_seconds_bucket{series},le="0.1"}} {quick}\n'
        f'http_request_duration_seconds_bucket{series},le="1"}} {count}\n'
        f'http_request_duration_seconds_bucket{series},le="+Inf"}} {count}\n'
        f"http_request_duration_seconds_sum{series}}} {quick / 20 + slow / 2}\n"
        f"http_request_duration_seconds_count{series}}} {count}\n"
    )


async def test_lists_do_not_hide_slow_submissions() -> None:
    post, get = ',method="POST"', ',method="GET"'
    before, after = calls(0, 0, post) + calls(0, 0, get), calls(0, 10, post) + calls(90, 0, get)
    async with pages(before, after) as url:
        source = ServiceMetrics([url])
        await source.read()
        await source.read()
        await source.close()
    lists, submissions = source.routes()
    assert (lists.method, lists.count, submissions.method, submissions.count) == (
        "GET", 90, "POST", 10,
    )  # fmt: skip
    assert lists.mean_s == pytest.approx(0.05)
    assert submissions.mean_s == pytest.approx(0.5)


async def test_a_service_that_tells_no_method_is_read_too() -> None:
    async with pages(calls(0, 0, ""), calls(90, 10, "")) as url:
        source = ServiceMetrics([url])
        await source.read()
        values = await source.read()
        await source.close()
    (row,) = source.routes()
    assert (row.route, row.method, row.count) == (SUBMISSIONS, "", 100)
    assert values["metrics.request_duration_p99_s"] > 0.1


async def test_what_is_no_metrics_page_is_refused(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        source = ServiceMetrics([f"{service.url}/api"])
        with pytest.raises(SourceUnreadable, match="/api/metrics answers 40"):
            await source.read()
        await source.close()
    with pytest.raises(LabError, match="is no address"):
        await ServiceMetrics(["127.0.0.1:8080"]).read()
