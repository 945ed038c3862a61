"""Latency of submissions from a number of clients; checks every answer, keeps and compares.

    python tests/performance/benchmark.py --base-url http://127.0.0.1:8080 --token T
    python tests/performance/benchmark.py --json before.json
    python tests/performance/benchmark.py --baseline before.json

Without --base-url it measures a service of its own. A thin caller of `sureshot_lab`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from sureshot_lab.analysis.baselines import baseline_of, compare_with_baseline
from sureshot_lab.errors import LabError
from sureshot_lab.report.figures import figure
from sureshot_lab.result import RunResult, Verdict, read_result, write_result
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.run import run_scenario
from sureshot_lab.scenario import load_scenario

EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INVALID: 2}
METRICS = ("submission_p50_s", "submission_p95_s", "submission_p99_s")


def main() -> int:
    """Measure, print, keep, compare; return the exit code."""
    arguments = _parser().parse_args()
    try:
        result = asyncio.run(_measure(arguments))
        _print(result)
        if arguments.json is not None:
            draft = write_result(arguments.json.parent, result)
            draft.replace(arguments.json)
        if arguments.baseline is not None:
            return max(EXIT_CODES[result.verdict], _compare(arguments.baseline, result))
        return EXIT_CODES[result.verdict]
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-url", help="a service that runs already; else one of its own")
    parser.add_argument("--token", default="", help="its token")
    parser.add_argument("--admin-token", help="its admin token, to know when all has arrived")
    parser.add_argument("--clients", type=int, default=1, help="how many submit at once (1)")
    parser.add_argument("--seconds", type=float, default=20, help="how long (20)")
    parser.add_argument("--warm-up-s", type=float, default=3, help="not counted (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the result there")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="compare with that result")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the reports")
    return parser


async def _measure(arguments: argparse.Namespace) -> RunResult:
    scenario = load_scenario(
        "baseline-small",
        changes={
            "load.connections": arguments.clients,
            "load.stages": [[arguments.seconds, 0, 0]],
            "load.warm_up_s": arguments.warm_up_s,
        },
    )
    options = Options(
        runs=arguments.runs,
        target=arguments.base_url,
        token=arguments.token,
        admin_token=arguments.admin_token,
    )
    result, _folder = await run_scenario(scenario, options)
    return result


def _print(result: RunResult) -> None:
    latency = result.latencies.get("submission")
    lines = [f"{result.verdict}: {'; '.join(result.reasons)}"]
    if latency is not None:
        lines += [
            f"  {name:<8}{figure(value, 's')}"
            for name, value in (
                ("mean", latency.mean_s), ("median", latency.p50_s), ("p95", latency.p95_s),
                ("p99", latency.p99_s), ("max", latency.max_s),
            )
        ]  # fmt: skip
    sys.stdout.write("\n".join(lines) + "\n")


def _compare(path: Path, result: RunResult) -> int:
    compared = compare_with_baseline(baseline_of([read_result(path)]), [result], METRICS)
    for one in compared:
        sys.stdout.write(f"  {one.metric:<20}{one.sentence}\n")
    return 1 if any(one.answer == "worse" for one in compared) else 0


if __name__ == "__main__":
    sys.exit(main())
