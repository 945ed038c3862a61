"""``make bench-cluster``: PostgreSQL and RabbitMQ on the same machine, roles apart."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table
from tests.support.load import submit_many

from benchmarks import latency, throughput
from benchmarks.gates import RESULTS, Gates, conclude, open_console, require
from benchmarks.processes import Deployment, cluster, replica
from sureshot.cli.sink_server import SinkServer
from sureshot_lab.scale.history import fill_postgres

CONNECTIONS = (64, 128)
HISTORY = 10_000_000
SCALING_IN_FLIGHT = 20
SCALING_DELAY_S = 0.1
SCALING_WEBHOOKS = 600


def main() -> int:
    """Run the chosen benchmarks; exit 1 when a gate is missed."""
    parser = argparse.ArgumentParser(prog="make bench-cluster", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="throughput runs of each profile (5)")
    parser.add_argument("--seconds", type=int, default=10, help="seconds each (10)")
    parser.add_argument("--history", type=int, default=HISTORY, help="finished webhooks (10 M)")
    parser.add_argument("--only", choices=("cluster", "replica", "latency", "history", "scaling"))
    parser.add_argument("--output", type=Path, default=RESULTS / "cluster-latest.json")
    arguments = parser.parse_args()
    require("wrk", "nginx")
    console = open_console()
    gates: Gates = []
    results: dict[str, object] = {}
    parts = {
        "cluster": lambda: _cluster(arguments.runs, arguments.seconds, console, gates),
        "replica": lambda: _replica(arguments.runs, arguments.seconds, console, gates),
        "latency": lambda: _latency(gates),
        "history": lambda: _history(arguments.history, arguments.seconds, console, gates),
        "scaling": lambda: _scaling(gates),
    }
    for name, measure in parts.items():
        if arguments.only in {None, name}:
            results[name] = measure()
    return conclude(console, arguments.output, results, gates)


def _rounds(
    runs: int, seconds: int, console: Console, name: str, deploy: object
) -> list[throughput.Run]:
    done = []
    table = Table(name, "delivered/s", "service us", "PG+MQ us", "nginx us", "ratio", "p99 ms",
                  "drained", "RSS MB", box=None)  # fmt: skip
    with console.status(name) as status:
        for number in range(runs):
            connections = CONNECTIONS[number % len(CONNECTIONS)]
            status.update(f"{name}, run {number + 1} of {runs}")
            run = throughput.measure(connections, seconds, deploy)  # type: ignore[arg-type]
            done.append(run)
            table.add_row(
                str(connections), f"{run.delivered_per_s:,.0f}", f"{run.service_cpu_us:.1f}",
                f"{run.backing_cpu_us:.1f}", f"{run.nginx_cpu_us:.1f}", f"{run.ratio:.2f}",
                f"{run.submission_p99_ms:.1f}",
                f"{run.seconds_to_drain:.1f} s" if run.drained else "NO", f"{run.rss_mb:.0f}",
            )  # fmt: skip
    console.print(table)
    return done


def _gate(
    gates: Gates, what: str, runs: list[throughput.Run], per_s: int, us: int, backing_us: int | None
) -> None:
    rate = statistics.median(run.delivered_per_s for run in runs)
    cpu = statistics.median(run.service_cpu_us for run in runs)
    backing = statistics.median(run.backing_cpu_us for run in runs)
    gates.append((f"{what}: delivered/s (median)", f"{rate:,.0f}", f">= {per_s:,}", rate >= per_s))
    gates.append((f"{what}: service CPU per webhook", f"{cpu:.1f} us", f"<= {us} us", cpu <= us))
    if backing_us is not None:
        gates.append((f"{what}: PostgreSQL + RabbitMQ", f"{backing:.1f} us",
                      f"<= {backing_us} us", backing <= backing_us))  # fmt: skip
    clean = all(run.drained and run.not_2xx == 0 for run in runs)
    gates.append((f"{what}: accepted = delivered", "all" if clean else "no", "all", clean))


def _cluster(runs: int, seconds: int, console: Console, gates: Gates) -> list[throughput.Run]:
    done = _rounds(runs, seconds, console, "cluster", cluster)
    _gate(gates, "cluster", done, 6000, 160, 60)
    return done


def _replica(runs: int, seconds: int, console: Console, gates: Gates) -> list[throughput.Run]:
    done = _rounds(runs, seconds, console, "PostgreSQL, one process", replica)
    _gate(gates, "PostgreSQL, one process", done, 8000, 110, None)
    return done


def _latency(gates: Gates) -> latency.Latency:
    found = latency.measure(deploy=cluster)
    gates.append(("cluster: submission p99 at 1,000/s", f"{found.submission_p99_ms} ms", "< 10 ms",
                  found.submission_p99_ms < 10))  # fmt: skip
    gates.append(("cluster: queue latency within 10 ms", f"{found.queue_within_10_ms:.2%}",
                  ">= 99 %", found.queue_within_10_ms >= 0.99))  # fmt: skip
    gates.append(("cluster: submitted to received p95", f"{found.received_p95_ms} ms", "< 25 ms",
                  found.received_p95_ms < 25 and found.delivered == found.sent))  # fmt: skip
    return found


def _history(rows: int, seconds: int, console: Console, gates: Gates) -> dict[str, object]:
    """Compare an empty database with one full of finished webhooks, in turns."""

    @contextlib.contextmanager
    def with_history(folder: Path, **settings: str) -> Iterator[Deployment]:
        with cluster(folder, **settings) as made:
            began_s = time.monotonic()
            asyncio.run(fill_postgres(made.database_url, rows))
            console.print(f"{rows:,} finished webhooks made in {time.monotonic() - began_s:.0f} s")
            yield made

    empty = [throughput.measure(128, seconds, cluster) for _ in range(2)]
    full = [throughput.measure(128, seconds, with_history)]
    empty.append(throughput.measure(128, seconds, cluster))
    before = statistics.median(run.delivered_per_s for run in empty)
    after = statistics.median(run.delivered_per_s for run in full)
    cpu = [statistics.median(r.service_cpu_us + r.backing_cpu_us for r in runs)
           for runs in (empty, full)]  # fmt: skip
    told = f"{after:,.0f}/s at {cpu[1]:.0f} us, empty {before:,.0f}/s at {cpu[0]:.0f} us"
    gates.append((f"with {rows:,} finished webhooks", told, ">= 85 % of empty",
                  after >= 0.85 * before))  # fmt: skip
    return {"empty": empty, "full": full, "rows": rows}


def _scaling(gates: Gates) -> list[dict[str, float]]:
    """Time a backlog through 1, 2 and 4 workers with few slots and a slow receiver."""
    found = []
    for workers in (1, 2, 4):
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            settings = {"max_in_flight": str(SCALING_IN_FLIGHT)}
            with cluster(Path(name), workers=workers, **settings) as deployment:
                rate = uvloop.run(_backlog_rate(deployment.port, SCALING_WEBHOOKS * workers))
        found.append({"workers": workers, "delivered_per_s": round(rate, 1)})
    alone = found[0]["delivered_per_s"]
    for entry in found[1:]:
        efficiency = entry["delivered_per_s"] / (alone * entry["workers"])
        entry["efficiency"] = round(efficiency, 3)
        gates.append((f"{entry['workers']:.0f} workers against 1", f"{efficiency:.2f}", ">= 0.9",
                      efficiency >= 0.9))  # fmt: skip
    return found


async def _backlog_rate(port: int, webhooks: int) -> float:
    """Return the rate in the middle of a backlog, where every worker is busy."""
    arrived: list[float] = []
    sink = SinkServer(
        delay_s=SCALING_DELAY_S, on_receipt=lambda _receipt: arrived.append(time.monotonic())
    )
    target = f"http://127.0.0.1:{await sink.start()}/"
    headers = {"authorization": "Bearer bench-token"}
    await submit_many(f"http://127.0.0.1:{port}", webhooks, target, headers=headers)
    async with asyncio.timeout(120):
        while len(arrived) < webhooks:  # noqa: ASYNC110 - a counter to watch
            await asyncio.sleep(0.05)
    await sink.stop()
    first, last = webhooks // 5, webhooks * 4 // 5
    return (last - first) / (arrived[last] - arrived[first])


if __name__ == "__main__":
    sys.exit(main())
