"""Ten thousand webhooks in flight at once, and an idle service."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import msgspec

from benchmarks.processes import cpu_s, free_port, rss_mb, running, service, wait_for_port


class Holding(msgspec.Struct):
    """What it takes to have so many requests out at once."""

    webhooks: int
    held_s: float
    delivered: int
    in_flight_peak: int
    sink_peak: int
    rss_peak_mb: float
    seconds: float


class Idle(msgspec.Struct):
    """What the service costs while nothing happens."""

    rss_mb: float
    cpu_percent: float
    ready_s: float
    ready_again_s: float


def measure_holding(webhooks: int = 10_000, held_s: float = 5.0) -> Holding:
    """Submit all at once to a sink that holds each for *held_s* seconds."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        sink = free_port()
        command = [sys.executable, "-m", "sureshot", "sink", "--port", str(sink),
                   "--behaviour", "slow", "--delay-s", str(held_s)]  # fmt: skip
        peaks = [0, 0.0]
        with service(folder) as deployment:
            port, pid = deployment.port, deployment.service[0]
            with running(command, folder):
                wait_for_port(sink)
                began = time.monotonic()
                _submit_all(port, f"http://127.0.0.1:{sink}/", webhooks)
                while True:
                    stats = _stats(port)
                    peaks = [max(peaks[0], stats["queue"]["inFlight"]), max(peaks[1], rss_mb(pid))]
                    if stats["queue"]["backlog"] == 0 or time.monotonic() - began > 90:
                        break
                    time.sleep(0.05)
                seconds = time.monotonic() - began
            delivered = stats["finished"].get("delivered", 0)
        text = next(iter(folder.glob("python*.log"))).read_text()
        found = re.findall(r"most at once (\d+)", text)
        sink_peak = int(found[-1]) if found else 0
    return Holding(
        webhooks, held_s, delivered, int(peaks[0]), sink_peak, round(peaks[1], 1), round(seconds, 1)
    )


def measure_idle(seconds: int = 20) -> Idle:
    """Start, wait, look; then start again on the same data."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        ready = []
        began = time.monotonic()
        with service(folder) as deployment:
            port, pid = deployment.port, deployment.service[0]
            _wait_ready(port)
            ready.append(time.monotonic() - began)
            time.sleep(2)
            before = cpu_s([pid])
            time.sleep(seconds)
            percent = (cpu_s([pid]) - before) / seconds * 100
            memory = rss_mb(pid)
        began = time.monotonic()
        with service(folder) as deployment:
            port, pid = deployment.port, deployment.service[0]
            _wait_ready(port)
            ready.append(time.monotonic() - began)
    return Idle(round(memory, 1), round(percent, 2), round(ready[0], 2), round(ready[1], 2))


def _submit_all(port: int, url: str, count: int) -> None:
    for start in range(0, count, 1000):
        items = [{"url": url, "payload": {"n": n}} for n in range(start, min(start + 1000, count))]
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/webhooks/batch",
            json.dumps({"webhooks": items}).encode(),
            {"Authorization": "Bearer bench-token", "Content-Type": "application/json"},
        )
        urllib.request.urlopen(request).read()


def _stats(port: int) -> dict[str, dict[str, int]]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/admin/stats",
        headers={"Authorization": "Bearer bench-admin-token"},
    )
    return msgspec.json.decode(urllib.request.urlopen(request).read())


def _wait_ready(port: int) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz").read()
