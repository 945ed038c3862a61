"""``python -m benchmarks.in_flight``: the learned limit against a grid of fixed ones.

Bursts to receivers of every kind (`sureshot lab run mixed-receivers`), each setting
once a round, the settings in turns. A setting is better when more webhooks arrive in
time and fewer attempts are wasted; both are reckoned from the receivers' own ledger
and the service's counters.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

import msgspec
from rich.table import Table

from benchmarks.gates import RESULTS, Gates, conclude, open_console
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.run import run_scenario
from sureshot_lab.scenario import load_scenario

CAPS = (4, 16, 64, 256, 0)
LEARNED = "learned"


class Run(msgspec.Struct, frozen=True):
    """One run: how late webhooks arrived, what was tried in vain, and its verdict."""

    setting: str
    p50_s: float
    p95_s: float
    p99_s: float
    retries_per_webhook: float
    delivered_share: float
    verdict: str


def main() -> int:
    """Run the grid; exit 1 when a fixed setting is as good as the learned limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each setting (3)")
    parser.add_argument("--smoke", action="store_true", help="the small size")
    parser.add_argument("--output", type=Path, default=RESULTS / "in-flight.json")
    arguments = parser.parse_args()
    console = open_console()
    settings = [LEARNED, *(f"{cap}" if cap else "none" for cap in CAPS)]
    done: list[Run] = []
    with console.status("in flight") as status, tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.rounds):
            for setting in settings:
                status.update(f"round {number + 1} of {arguments.rounds}: {setting}")
                done.append(asyncio.run(measure(setting, Path(folder), smoke=arguments.smoke)))
    console.print(_table(settings, done))
    return conclude(console, arguments.output, {"runs": done}, _gates(settings, done))


async def measure(setting: str, folder: Path, *, smoke: bool) -> Run:
    """Run the scenario with *setting*: ``learned``, ``none``, or a fixed cap for each endpoint."""
    scenario = load_scenario("mixed-receivers", smoke=smoke)
    chosen = dict(scenario.service.settings)
    chosen["adaptive_in_flight"] = "true" if setting == LEARNED else "false"
    if setting.isdigit():
        chosen["max_in_flight_per_endpoint"] = int(setting)
    service = msgspec.structs.replace(scenario.service, settings=chosen)
    result, _folder = await run_scenario(
        msgspec.structs.replace(scenario, service=service), Options(runs=folder)
    )
    metrics = result.metrics
    return Run(
        setting, metrics["until_success_p50_s"], metrics["until_success_p95_s"],
        metrics["until_success_p99_s"], metrics["retries"] / metrics["accepted"],
        metrics["delivered_share"], str(result.verdict),
    )  # fmt: skip


def _median(done: list[Run], setting: str, field: str) -> float:
    found: list[float] = [getattr(run, field) for run in done if run.setting == setting]
    return statistics.median(found)


def _table(settings: list[str], done: list[Run]) -> Table:
    table = Table("at once", "p50 s", "p95 s", "p95 of each s", "p99 s", "retries/webhook",
                  "delivered", "verdicts", box=None)  # fmt: skip
    for setting in settings:
        verdicts = " ".join(run.verdict for run in done if run.setting == setting)
        p50, p95, p99 = (
            f"{_median(done, setting, name):.2f}" for name in ("p50_s", "p95_s", "p99_s")
        )
        each = " ".join(f"{run.p95_s:.2f}" for run in done if run.setting == setting)
        table.add_row(
            setting, p50, p95, each, p99,
            f"{_median(done, setting, 'retries_per_webhook'):.3f}",
            f"{_median(done, setting, 'delivered_share'):.2%}", verdicts,
        )  # fmt: skip
    return table


def _gates(settings: list[str], done: list[Run]) -> Gates:
    gates: Gates = []
    ours = _median(done, LEARNED, "p95_s")
    for setting in settings[1:]:
        theirs = _median(done, setting, "p95_s")
        gates.append(
            (f"p95 against {setting}", f"{ours:.2f} s, {theirs:.2f} s", "sooner", ours < theirs)
        )
    return gates


if __name__ == "__main__":
    sys.exit(main())
