"""The analysis of result files on the command line: a report for each, or a scaling table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from sureshot_lab.errors import LabError
from sureshot_lab.readers.files import read_file
from sureshot_lab.readers.judge import Judged, State, judge, missed, recommendations
from sureshot_lab.readers.reading import Reading
from sureshot_lab.readers.scaling import Step, remarks, steps_of
from sureshot_lab.result import Gate

PASSED, MISSED, UNUSABLE = 0, 1, 3
SCALING_TARGETS = frozenset({"api-latency", "success-rate"})
"""Each step is held to these; the promised rate is one for the whole service."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise LabError(f"{message}\n{self.format_usage().rstrip()}")


def main(arguments: Sequence[str]) -> int:
    """Print what the files say; return 0 all targets met, 1 one missed, 3 a file unreadable."""
    parser = _Parser(prog="analyze", description="Reads results of k6 and of `sureshot lab`.")
    parser.add_argument("--scaling", action="store_true", help="compare runs at several scales")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    try:
        options = parser.parse_args(arguments)
        return _scaling(options.files) if options.scaling else _reports(options.files)
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return UNUSABLE


def report(reading: Reading) -> str:
    """Return everything *reading* says, for a person."""
    judged = judge(reading)
    advice = recommendations(reading, judged) or ["None: nothing measured here misses a target."]
    heading = f"Performance test report: {reading.label}"
    lines = [heading, "=" * len(heading), f"{reading.kind}, {reading.source}", ""]
    lines += _counts(reading)
    lines += ["", "Latency of all requests", f"  {_latency(reading)}"]
    lines += ["", "Targets", *(_target(item) for item in judged)]
    if reading.thresholds:
        lines += ["", "Thresholds of the run"]
        lines += [
            f"  {'held' if held else 'MISSED':<13} {expression}"
            for expression, held in reading.thresholds.items()
        ]
    if reading.notes:
        lines += ["", "Notes", *(f"  - {note}" for note in reading.notes)]
    return "\n".join([*lines, "", "Recommendations", *(f"  - {text}" for text in advice), "", ""])


def scaling_table(steps: Iterable[Step]) -> str:
    """Return the series as a table, smallest scale first."""
    lines = [
        f"{'Scale':<6} {'Good/s':>10} {'Speed-up':>9} {'Efficiency':>11} "
        f"{'Mean':>10} {'p95':>10} {'p99':>10} {'Failed':>8} {'Dropped':>8}"
    ]
    for step in steps:
        latency, failed = step.reading.latency, step.reading.failed_requests
        lines.append(
            f"{f'{step.scale}x':<6} {step.good_per_s:>10.1f} {step.speed_up:>9.2f} "
            f"{step.efficiency:>11.1%} {_ms(latency.mean_s):>10} {_ms(latency.p95_s):>10} "
            f"{_ms(latency.p99_s):>10} {'-' if failed is None else failed:>8} "
            f"{step.reading.dropped:>8}"
        )
    return "\n".join(lines)


def _reports(files: Iterable[Path]) -> int:
    codes = [PASSED]
    for file in files:
        try:
            reading = read_file(file)
        except LabError as error:
            sys.stderr.write(f"{error}\n")
            codes.append(UNUSABLE)
            continue
        sys.stdout.write(report(reading))
        codes.append(MISSED if missed(reading, judge(reading)) else PASSED)
    return max(codes)


def _scaling(files: Iterable[Path]) -> int:
    steps = steps_of([read_file(file) for file in files])
    sys.stdout.write("Horizontal scaling\n==================\n")
    sys.stdout.write(f"{scaling_table(steps)}\n\n")
    for remark in remarks(steps):
        sys.stdout.write(f"{remark}\n")
    code = PASSED
    for step in steps:
        judged = [item for item in judge(step.reading) if item.gate.name in SCALING_TARGETS]
        if missed(step.reading, judged):
            code = MISSED
            sys.stdout.write(f"{step.scale}x ({step.reading.source}): {_why(step, judged)}\n")
    return code


def _why(step: Step, judged: Iterable[Judged]) -> str:
    reasons = [
        f"{item.gate.title} is {_value(item.gate)}, not {_limit(item.gate)}"
        for item in judged
        if item.state is State.MISSED
    ]
    reasons += [
        f"{text} was not held" for text, held in step.reading.thresholds.items() if not held
    ]
    if step.reading.dropped:
        reasons.append(f"{step.reading.dropped} arrivals were dropped")
    return "; ".join(reasons)


def _counts(reading: Reading) -> list[str]:
    failed, share = reading.failed_requests, reading.success_share
    rows = [
        ("Requests", str(reading.requests)),
        ("Failed", "not in this file" if failed is None else str(failed)),
        ("Success rate", "not in this file" if share is None else f"{share:.3%}"),
        (
            "Rate",
            "not in this file" if reading.rate_per_s is None else f"{reading.rate_per_s:.1f}/s",
        ),
        ("Duration", "unknown" if reading.duration_s is None else f"{reading.duration_s:.1f} s"),
        ("Dropped", str(reading.dropped)),
    ]
    if reading.checks is not None:
        rows.append(("Checks", "{} passed, {} failed".format(*reading.checks)))
    return [f"{name:<15}{text}" for name, text in rows]


def _latency(reading: Reading) -> str:
    told = vars(reading.latency).items()
    return "  ".join(f"{name.removesuffix('_s')} {_ms(value)}" for name, value in told)


def _ms(value_s: float | None) -> str:
    return "-" if value_s is None else f"{value_s * 1000:.2f} ms"


def _target(item: Judged) -> str:
    gate = item.gate
    return f"  {item.state:<13} {gate.title:<28} {_value(gate):>16}   {_limit(gate)}"


def _limit(gate: Gate) -> str:
    return f"{gate.comparison} {_figure(gate.limit, gate.unit)}"


def _value(gate: Gate) -> str:
    return "-" if gate.value is None else _figure(gate.value, gate.unit)


def _figure(value: float, unit: str) -> str:
    match unit:
        case "s":
            return f"{value * 1000:.2f} ms"
        case "share":
            # As many digits as it takes: 99.9 % and 99.96 % must not look alike.
            return f"{value * 100:.3f} %"
        case "bytes":
            return f"{value / (1 << 20):.0f} MiB"
        case "per_min":
            return f"{value:.0f}/min"
        case "per_s":
            return f"{value:.1f}/s"
        case _:
            return f"{value:g}"
