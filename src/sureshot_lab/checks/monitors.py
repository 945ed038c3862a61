"""Whether what watches a run can see: metrics, the machine, the stores, Prometheus."""

from __future__ import annotations

import asyncio
import json
import os
import time
from urllib.parse import quote

from sureshot_lab.checks.check import Check, Subject
from sureshot_lab.checks.environment import Reached
from sureshot_lab.errors import LabError
from sureshot_lab.report.figures import figure, number
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.own_service import OwnService
from sureshot_lab.runs.watched import pods_of
from sureshot_lab.sampler.host import Host
from sureshot_lab.sampler.http_get import HttpGet
from sureshot_lab.sampler.postgres import Postgres
from sureshot_lab.sampler.processes import Processes
from sureshot_lab.sampler.rabbitmq import RabbitMQ
from sureshot_lab.sampler.service_metrics import ServiceMetrics
from sureshot_lab.sampler.source import Source, sentence
from sureshot_lab.sampler.sqlite_files import DatabaseFiles

TIMEOUT_S = 10.0
WHOLE_WITHIN_S = 30.0
AGAIN_S = 0.2
OURS_ALONE = ("metrics.in_flight", "metrics.backlog")
"""What only a Sureshot tells; any other exporter answers at ``/metrics`` too."""

METRICS = Subject("metrics", "Metrics of the service")
MACHINE = Subject("host", "Machine")
PROCESSES = Subject("processes", "Processes")
SQLITE = Subject("sqlite", "SQLite")
POSTGRES = Subject("postgres", "PostgreSQL")
RABBITMQ = Subject("rabbitmq", "RabbitMQ")
PODS = Subject("pods", "Pods")
PROMETHEUS = Subject("prometheus", "Prometheus")


async def check_monitors(
    reached: Reached, prometheus: str | None, options: Options | None = None
) -> list[Check]:
    """Read each source once that the sampler of a run would read every second."""
    return [
        await _metrics(reached),
        await _readable(MACHINE, Host(), "host.memory_used_bytes"),
        await _readable(PROCESSES, Processes({"self": [os.getpid()]}), "self.rss_bytes"),
        *await _stores(reached, options or Options()),
        *[await _readable(PODS, pods, "kubernetes.pods") for pods in pods_of(options or Options())],
        await _prometheus(prometheus),
    ]


async def _metrics(reached: Reached) -> Check:
    urls = reached.metrics_urls
    if not urls:
        return METRICS.failed("not asked: there is no service to ask")
    values, problem = await _metrics_of(urls)
    if problem:
        return METRICS.failed(problem, "the run needs /metrics of the service itself")
    if not set(OURS_ALONE) <= values.keys():
        return METRICS.failed(f"{urls[0]} answers, but not with the figures of a Sureshot")
    processes = int(values["metrics.processes"])
    if processes < len(urls):
        return METRICS.failed(f"only {processes} of {len(urls)} processes answer")
    of = f"{processes} process{'' if processes == 1 else 'es'}"
    return METRICS.ok(f"{len(values)} figures of {of}: {number(values['metrics.backlog'])} due")


async def _metrics_of(urls: list[str]) -> tuple[dict[str, float], str]:
    """Read all *urls*, again and again while some processes do not answer yet."""
    until_s = time.monotonic() + WHOLE_WITHIN_S
    while True:
        values, problem = await _read(ServiceMetrics(urls))
        all_answer = values.get("metrics.processes", 0) >= len(urls)
        # A service is ready with its first API process; workers begin a moment later.
        if all_answer or len(urls) == 1 or time.monotonic() > until_s:
            return values, problem
        await asyncio.sleep(AGAIN_S)


async def _stores(reached: Reached, options: Options) -> list[Check]:
    """Look at what keeps the webhooks; of a target, what it was told to look at."""
    service = reached.service
    if service is None and reached.client is None:
        why = "there is no service"
        return [subject.not_applicable(why) for subject in (SQLITE, POSTGRES, RABBITMQ)]
    if service is None:
        return await _stores_of_target(options)
    if service.backing is None:
        files = DatabaseFiles(service.database_path)
        unused = "the embedded profile has none"
        return [
            await _readable(SQLITE, files, "sqlite.database_bytes"),
            POSTGRES.not_applicable(unused),
            RABBITMQ.not_applicable(unused),
        ]
    postgres = await _readable(
        POSTGRES, Postgres(service.backing.database_url), "postgres.connections"
    )
    return [SQLITE.not_applicable("the profile has none"), postgres, await _broker(service)]


async def _stores_of_target(options: Options) -> list[Check]:
    postgres = POSTGRES.not_applicable("sampled only with --database-url")
    rabbitmq = RABBITMQ.not_applicable("sampled only with --queue-url")
    if options.database_url:
        postgres = await _readable(POSTGRES, Postgres(options.database_url), "postgres.connections")
    if options.queue_url:
        source = RabbitMQ(options.queue_url, [options.queue_name])
        rabbitmq = await _readable(RABBITMQ, source, "rabbitmq.ready")
    return [SQLITE.not_applicable("of a target its files are not looked at"), postgres, rabbitmq]


async def _broker(service: OwnService) -> Check:
    backing = service.backing
    if backing is None or not backing.queue_name:
        return RABBITMQ.not_applicable("the queue is in memory")
    source = RabbitMQ(backing.queue_url, [backing.queue_name])
    return await _readable(RABBITMQ, source, "rabbitmq.ready")


async def _readable(subject: Subject, source: Source, example: str) -> Check:
    """Read *source* once; *example* is the value that is told as evidence."""
    values, problem = await _read(source)
    if problem:
        return subject.failed(f"cannot be read: {problem}")
    name = example.partition(".")[2].replace("_", " ").removesuffix(" bytes")
    unit = "bytes" if example.endswith("_bytes") else "count"
    return subject.ok(f"{len(values)} figures: {name} {figure(values[example], unit)}")


async def _read(source: Source) -> tuple[dict[str, float], str]:
    """Return what *source* tells, and why it does not."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await source.read(), ""
    except Exception as error:  # noqa: BLE001 - as in the sampler: any of them is "not readable"
        return {}, sentence(error)
    finally:
        await source.close()


async def _prometheus(url: str | None) -> Check:
    """Ask a Prometheus whether it is ready and scrapes the service."""
    if url is None:
        return PROMETHEUS.not_applicable("not asked for (--prometheus URL)")
    try:
        series = await _scraped(url)
    except (LabError, OSError, ValueError, LookupError, TypeError) as error:
        return PROMETHEUS.failed(f"{url}: {sentence(error)}", "start it, or leave --prometheus out")
    up = sum(value == 1 for value in series)
    if not up:
        return PROMETHEUS.warning(
            f"{url} is ready, but none of {len(series)} targets of the job sureshot is up",
            "add the service to its scrape_configs under job_name: sureshot",
        )
    return PROMETHEUS.ok(
        f"{url} is ready, {up} of {len(series)} targets of the job sureshot are up"
    )


async def _scraped(url: str) -> list[float]:
    """Return whether each target of the job sureshot is up, as 1 or 0; raises what fails."""
    http = HttpGet(url)
    try:
        await http.fetch("/-/ready")
        query = quote('up{job="sureshot"}')
        answer = json.loads(await http.fetch(f"/api/v1/query?query={query}"))
        return [float(one["value"][1]) for one in answer["data"]["result"]]
    finally:
        await http.close()
