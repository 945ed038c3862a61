"""``make bench``: every figure the service promises, as a table and as JSON."""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import holding, latency, throughput
from benchmarks.gates import RESULTS, Gates, conclude, open_console, require

CONNECTIONS = (64, 128, 256)


def main() -> int:
    """Run the chosen benchmarks; exit 1 when a gate is missed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="throughput runs (5)")
    parser.add_argument("--seconds", type=int, default=15, help="seconds each (15)")
    parser.add_argument("--only", choices=("throughput", "latency", "holding", "idle"))
    parser.add_argument("--output", type=Path, default=RESULTS / "latest.json")
    arguments = parser.parse_args()
    require("wrk", "nginx")
    chosen = (arguments.only,) if arguments.only else ("throughput", "latency", "holding", "idle")
    console = open_console()
    results: dict[str, object] = {}
    gates: Gates = []
    if "throughput" in chosen:
        results["throughput"] = _throughput(arguments.runs, arguments.seconds, console, gates)
    if "latency" in chosen:
        results["latency"] = _latency(gates)
    if "holding" in chosen:
        results["holding"] = _holding(gates)
    if "idle" in chosen:
        results["idle"] = _idle(gates)
    return conclude(console, arguments.output, results, gates)


def _throughput(runs: int, seconds: int, console: Console, gates: Gates) -> list[throughput.Run]:
    done: list[throughput.Run] = []
    table = Table("connections", "delivered/s", "service us", "nginx us", "ratio", "p99 ms",
                  "drained", "RSS MB", "of floor", box=None)  # fmt: skip
    with console.status("throughput") as status:
        for number in range(runs):
            connections = CONNECTIONS[number % len(CONNECTIONS)]
            status.update(f"throughput, run {number + 1} of {runs}, {connections} connections")
            run = throughput.measure(connections, seconds)
            done.append(run)
            table.add_row(
                str(run.connections), f"{run.delivered_per_s:,.0f}", f"{run.service_cpu_us:.1f}",
                f"{run.nginx_cpu_us:.1f}", f"{run.ratio:.2f}", f"{run.submission_p99_ms:.1f}",
                "yes" if run.drained else "NO", f"{run.rss_mb:.0f}",
                f"{run.delivered_per_s / run.floor_per_s:.0%}",
            )  # fmt: skip
    console.print(table)
    cpu = statistics.median(run.service_cpu_us for run in done)
    ratio = statistics.median(run.ratio for run in done)
    best = max(run.delivered_per_s for run in done)
    met = cpu <= 100 or ratio <= 8
    gates.append(("CPU per webhook (median), or x nginx", f"{cpu:.1f} us, {ratio:.2f} x",
                  "<= 100 us, or <= 8 x", met))  # fmt: skip
    gates.append(("delivered/s, quiet run", f"{best:,.0f}", ">= 10,000", best >= 10_000))
    clean = all(run.drained and run.not_2xx == 0 for run in done)
    gates.append(("accepted = delivered within 2 s", "all" if clean else "no", "all", clean))
    return done


def _latency(gates: Gates) -> latency.Latency:
    found = latency.measure()
    gates.append(("submission p99 at 1,000/s", f"{found.submission_p99_ms} ms", "< 10 ms",
                  found.submission_p99_ms < 10))  # fmt: skip
    gates.append(("queue latency within 10 ms", f"{found.queue_within_10_ms:.2%}", ">= 99 %",
                  found.queue_within_10_ms >= 0.99))  # fmt: skip
    gates.append(("submitted to received p95", f"{found.received_p95_ms} ms", "< 25 ms",
                  found.received_p95_ms < 25 and found.delivered == found.sent))  # fmt: skip
    return found


def _holding(gates: Gates) -> holding.Holding:
    found = holding.measure_holding()
    gates.append(("10,000 in flight for 5 s: delivered", str(found.delivered), "10,000",
                  found.delivered == found.webhooks and found.sink_peak >= 9_500))  # fmt: skip
    gates.append(("its memory", f"{found.rss_peak_mb} MB", "< 512 MB", found.rss_peak_mb < 512))
    return found


def _idle(gates: Gates) -> holding.Idle:
    found = holding.measure_idle()
    gates.append(("idle memory", f"{found.rss_mb} MB", "< 80 MB", found.rss_mb < 80))
    gates.append(("idle CPU", f"{found.cpu_percent} % of a core", "< 1 %", found.cpu_percent < 1))
    gates.append(
        ("ready again after", f"{found.ready_again_s} s", "< 1 s", found.ready_again_s < 1)
    )
    return found


if __name__ == "__main__":
    sys.exit(main())
