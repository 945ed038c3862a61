"""Sustained rate and CPU per webhook: wrk submits, nginx receives, the kernel counts."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import msgspec

from benchmarks.processes import Deploy, cpu_s, need, nginx, rss_mb, service

WARM_UP_S = 3
DRAIN_S = 2.0
DRAIN_WITHIN_S = 20.0
PAYLOAD = '{"type":"invoice.paid","timestamp":"2030-01-31T12:00:00Z","data":{"note":"%s"}}' % (
    "x" * 330
)


class Run(msgspec.Struct):
    """One measured run."""

    connections: int
    seconds: float
    accepted: int
    delivered: int
    delivered_per_s: float
    service_cpu_us: float
    nginx_cpu_us: float
    ratio: float
    submission_p99_ms: float
    not_2xx: int
    drained: bool
    rss_mb: float
    floor_per_s: float = 0.0
    backing_cpu_us: float = 0.0
    seconds_to_drain: float = 0.0


def measure(connections: int, seconds: int, deploy: Deploy = service, **settings: str) -> Run:
    """Run once on a fresh database and return the figures.

    The rate counts from the first submission to the last delivery, drain included.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with nginx(folder) as (sink, workers), deploy(folder, **settings) as deployment:
            port, pids = deployment.port, deployment.service
            url = f"http://127.0.0.1:{sink}/hook"
            script = _wrk_script(folder, url)
            _wrk(script, port, connections, WARM_UP_S)
            time.sleep(DRAIN_S)
            floor = _floor(folder, sink, connections)
            before = _requests(sink), _stats(port)["accepted"]
            cpu = cpu_s(pids), cpu_s(workers), cpu_s(deployment.backing_pids())
            began = time.monotonic()
            report = _wrk(script, port, connections, seconds)
            elapsed = time.monotonic() - began
            accepted = _wait_drained(port, before[1])
            drained_s = time.monotonic() - began - elapsed
            arrived = _requests(sink) - before[0] - 1
            spent = (cpu_s(pids) - cpu[0], cpu_s(workers) - cpu[1],
                     cpu_s(deployment.backing_pids()) - cpu[2])  # fmt: skip
            stats = _stats(port)
            memory = max(rss_mb(pid) for pid in pids)
    return Run(
        connections=connections,
        seconds=round(elapsed, 2),
        accepted=accepted,
        delivered=arrived,
        delivered_per_s=round(arrived / (elapsed + max(0.0, drained_s)), 1),
        service_cpu_us=round(spent[0] / arrived * 1e6, 1),
        nginx_cpu_us=round(spent[1] / arrived * 1e6, 1),
        ratio=round(spent[0] / spent[1], 2),
        submission_p99_ms=_p99_ms(report),
        not_2xx=_not_2xx(report),
        drained=stats["queue"]["backlog"] == 0 and arrived >= accepted,
        rss_mb=round(memory, 1),
        floor_per_s=floor,
        backing_cpu_us=round(spent[2] / arrived * 1e6, 1),
        seconds_to_drain=round(drained_s, 2),
    )


def _wrk_script(folder: Path, url: str) -> Path:
    script = folder / "submit.lua"
    body = f'{{"url":"{url}","payload":{PAYLOAD},"eventType":"invoice.paid"}}'
    script.write_text(
        'wrk.method = "POST"\n'
        f"wrk.body = [[{body}]]\n"
        'wrk.headers["content-type"] = "application/json"\n'
        'wrk.headers["authorization"] = "Bearer bench-token"\n'
    )
    return script


def _wrk(script: Path, port: int, connections: int, seconds: int, path: str = "") -> str:
    command = [need("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s",
               str(script), f"http://127.0.0.1:{port}{path or '/api/v1/webhooks'}"]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _floor(folder: Path, sink: int, connections: int) -> float:
    """Return what wrk and nginx reach with each other alone, beside this run."""
    script = folder / "floor.lua"
    script.write_text(f'wrk.method = "POST"\nwrk.body = [[{PAYLOAD}]]\n')
    report = _wrk(script, sink, connections, 2, "/hook")
    found = re.search(r"Requests/sec:\s+([\d.]+)", report)
    return float(found[1]) if found else 0.0


def _requests(sink: int) -> int:
    text = urllib.request.urlopen(f"http://127.0.0.1:{sink}/status").read().decode()
    return int(text.splitlines()[2].split()[2])


def _stats(port: int) -> dict[str, int]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/admin/stats",
        headers={"Authorization": "Bearer bench-admin-token"},
    )
    return msgspec.json.decode(urllib.request.urlopen(request).read())


def _wait_drained(port: int, before: int) -> int:
    deadline = time.monotonic() + DRAIN_WITHIN_S
    while True:
        stats = _stats(port)
        if stats["queue"]["backlog"] == 0 or time.monotonic() > deadline:
            return stats["accepted"] - before
        time.sleep(0.1)


def _p99_ms(report: str) -> float:
    found = re.search(r"99%\s+([\d.]+)(us|ms|s)", report)
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    return float(found[1]) * scale[found[2]] if found else 0.0


def _not_2xx(report: str) -> int:
    found = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    return int(found[1]) if found else 0
