"""Latency at a steady rate: an open loop, timed from when each request should have been sent."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
import urllib.request
from pathlib import Path

import msgspec
import uvloop

from benchmarks.processes import Deploy, cpu_s, service
from sureshot.cli.sink_server import Receipt, SinkServer

CONNECTIONS = 64


class Latency(msgspec.Struct):
    """What a steady rate costs in time."""

    rate_per_s: int
    seconds: int
    sent: int
    delivered: int
    submission_p50_ms: float
    submission_p99_ms: float
    received_p50_ms: float
    received_p95_ms: float
    queue_within_10_ms: float
    service_cpu_us: float


def measure(rate_per_s: int = 1000, seconds: int = 20, deploy: Deploy = service) -> Latency:
    """Run once and return the figures."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        deploy(Path(name)) as deployment,
    ):
        pids = deployment.service
        cpu = cpu_s(pids)
        figures = uvloop.run(_open_loop(deployment.port, rate_per_s, seconds))
        spent = cpu_s(pids) - cpu
        within = _queue_within_10_ms(deployment.worker_port)
    submissions, receipts = figures
    return Latency(
        rate_per_s, seconds, len(submissions), len(receipts),
        _quantile_ms(submissions, 0.5), _quantile_ms(submissions, 0.99),
        _quantile_ms(receipts, 0.5), _quantile_ms(receipts, 0.95),
        within, round(spent / max(1, len(receipts)) * 1e6, 1),
    )  # fmt: skip


async def _open_loop(port: int, rate_per_s: int, seconds: int) -> tuple[list[float], list[float]]:
    accepted: dict[str, float] = {}
    arrived: dict[str, float] = {}

    def note(receipt: Receipt) -> None:
        arrived.setdefault(receipt.webhook_id, time.monotonic())

    sink = SinkServer(on_receipt=note)
    target = f"http://127.0.0.1:{await sink.start()}/"
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    latencies: list[float] = []
    body = msgspec.json.encode({"url": target, "payload": {"data": "x" * 400}})
    request = (
        b"POST /api/v1/webhooks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer bench-token\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    )

    async def one(at_s: float) -> None:
        reader, writer = await free.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        answer = json.loads(await reader.readexactly(length))
        latencies.append(time.monotonic() - at_s)
        accepted[answer["id"]] = at_s
        free.put_nowait((reader, writer))

    began_s = time.monotonic() + 0.2
    async with asyncio.TaskGroup() as group:
        for number in range(rate_per_s * seconds):
            at_s = began_s + number / rate_per_s
            await asyncio.sleep(max(0.0, at_s - time.monotonic()))
            group.create_task(one(at_s))
    for _ in range(100):
        if len(arrived) >= len(accepted):
            break
        await asyncio.sleep(0.05)
    await sink.stop()
    return latencies, [arrived[key] - at_s for key, at_s in accepted.items() if key in arrived]


def _queue_within_10_ms(port: int) -> float:
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("sureshot_"))
    within = float(values['sureshot_queue_latency_seconds_bucket{le="0.01"}'])
    return round(within / float(values["sureshot_queue_latency_seconds_count"]), 5)


def _quantile_ms(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2)
