"""``python -m benchmarks.generator``: what the laboratory's own load generator costs and reaches.

One generator process against nginx, which answers 202 to everything, with wrk's
figures for the same request beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
from pathlib import Path

import msgspec
from rich.table import Table

from benchmarks.gates import RESULTS, Gates, conclude, open_console, require
from benchmarks.processes import cpu_s, nginx
from sureshot_lab.load.native import offer_native
from sureshot_lab.load.offer import Offer
from sureshot_lab.load.submissions import PATH
from sureshot_lab.load.wrk import wrk_check
from sureshot_lab.scenario import Model

RATES = (1_000, 5_000, 10_000, 20_000)
CONNECTIONS = 64
TOKEN = "bench-token"
PLACES = [f'"endpointId":"ep_{number:032x}"' for number in range(20)]
PAYLOAD = '{"type":"invoice.paid","timestamp":"2030-01-31T12:00:00Z","data":{"note":"%s"}}' % (
    "x" * 330
)
ANSWER = """202 '{"id":"wh_0192f00000007aaa8aaaaaaaaaaaaaaa","status":"queued"}'"""


class Run(msgspec.Struct):
    """One load. ``cpu_us``: of the generator, per request; latencies from the intended time."""

    name: str
    intended_per_s: float
    achieved_per_s: float
    cpu_share: float
    cpu_us: float
    nginx_cpu_us: float
    p50_us: int
    p99_us: int
    service_p50_us: int
    service_p99_us: int
    dropped: int
    failed: int


def measure(rate_per_s: float, seconds: float, model: Model = Model.OPEN) -> Run:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with nginx(folder, ANSWER) as (port, workers):
            offer = Offer(
                base_url=f"http://127.0.0.1:{port}",
                token=TOKEN,
                places=PLACES,
                weights=[1 / (rank + 1) for rank in range(len(PLACES))],
                payloads=[PAYLOAD],
                stages=[(seconds, rate_per_s, rate_per_s)],
                run="bench",
                model=model,
                connections=CONNECTIONS,
            )
            before_s = cpu_s(workers)
            run = asyncio.run(offer_native(offer, folder))
            nginx_s = cpu_s(workers) - before_s
    open_model = model is Model.OPEN
    return Run(
        name=f"{rate_per_s:,.0f}/s" if open_model else f"closed, {CONNECTIONS} connections",
        intended_per_s=run.intended / seconds if open_model else 0.0,
        achieved_per_s=round(run.accepted / run.wall_s, 1),
        cpu_share=round(run.cpu_shares[0], 3),
        cpu_us=round(run.cpu_shares[0] * run.wall_s / run.sent * 1e6, 1),
        nginx_cpu_us=round(nginx_s / run.sent * 1e6, 1),
        p50_us=run.latencies_us.get_value_at_percentile(50),
        p99_us=run.latencies_us.get_value_at_percentile(99),
        service_p50_us=run.service_us.get_value_at_percentile(50),
        service_p99_us=run.service_us.get_value_at_percentile(99),
        dropped=run.dropped,
        failed=run.failed,
    )


def beside(seconds: int) -> Run | None:
    """Return wrk's closed load of the same request; None when it is not installed."""
    body = f'{{{PLACES[0]},"payload":{PAYLOAD}}}'
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with nginx(folder, ANSWER) as (port, workers):
            before_s, ours_s = cpu_s(workers), _children_s()
            run = wrk_check(f"http://127.0.0.1:{port}{PATH}", TOKEN, body, seconds, CONNECTIONS)
            nginx_s, wrk_s = cpu_s(workers) - before_s, _children_s() - ours_s
    if run is None:
        return None
    return Run(
        name=f"wrk, {CONNECTIONS} connections",
        intended_per_s=0.0,
        achieved_per_s=round(run.rate_per_s, 1),
        cpu_share=round(wrk_s / run.duration_s, 3),
        cpu_us=round(wrk_s / run.requests * 1e6, 1),
        nginx_cpu_us=round(nginx_s / run.requests * 1e6, 1),
        p50_us=round(run.p50_s * 1e6),
        p99_us=round(run.p99_s * 1e6),
        service_p50_us=round(run.p50_s * 1e6),
        service_p99_us=round(run.p99_s * 1e6),
        dropped=0,
        failed=run.not_202 + sum(run.errors.values()),
    )


def _children_s() -> float:
    """Return the CPU seconds of every child that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Measure, print, write; exit 1 when a gate is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generator", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="seconds each (5)")
    parser.add_argument("--output", type=Path, default=RESULTS / "generator.json")
    arguments = parser.parse_args()
    require("nginx")
    runs = [measure(rate, arguments.seconds) for rate in RATES]
    closed = measure(1, arguments.seconds, Model.CLOSED)
    second = beside(arguments.seconds)
    shown = [*runs, closed, *([second] if second else [])]
    console = open_console()
    console.print(_table(shown))
    highest = runs[-1]
    enough = highest.achieved_per_s >= 0.99 * highest.intended_per_s
    gates: Gates = [
        ("CPU of the generator per request at 20,000/s", f"{highest.cpu_us} us", "<= 50 us",
         highest.cpu_us <= 50),
        ("achieved of 20,000/s, from one process", f"{highest.achieved_per_s:,.0f}/s",
         ">= 99 %, none dropped", enough and highest.dropped == highest.failed == 0),
    ]  # fmt: skip
    results = {"seconds": arguments.seconds, "runs": shown}
    return conclude(console, arguments.output, results, gates)


def _table(runs: list[Run]) -> Table:
    table = Table("load", "achieved/s", "of intended", "CPU share", "CPU us", "nginx us", "p50 us",
                  "p99 us", "served p50", "served p99", "dropped", "failed", box=None)  # fmt: skip
    for run in runs:
        share = f"{run.achieved_per_s / run.intended_per_s:.2%}" if run.intended_per_s else "-"
        table.add_row(
            run.name, f"{run.achieved_per_s:,.0f}", share,
            f"{run.cpu_share:.1%}", f"{run.cpu_us:.1f}",
            f"{run.nginx_cpu_us:.1f}", f"{run.p50_us:,}", f"{run.p99_us:,}",
            f"{run.service_p50_us:,}", f"{run.service_p99_us:,}", str(run.dropped),
            str(run.failed),
        )  # fmt: skip
    return table


if __name__ == "__main__":
    sys.exit(main())
