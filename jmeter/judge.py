#!/usr/bin/env python3
"""Holds a results file of performance-test.jmx against the targets: judge.py FILE [--rate N].

Exit codes: 0 kept, 1 a promise was broken, 2 the run proves nothing.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from pathlib import Path
from typing import NamedTuple

from sureshot_lab.targets import load_targets

ENOUGH = 0.97
"""Share of the wanted rate that must have been offered: the timer never catches up a pause."""


class Sample(NamedTuple):
    """One submission: when it left, how long it took, and whether every assertion held."""

    sent_s: float
    took_s: float
    accepted: bool


def read_samples(path: Path) -> list[Sample]:
    """Return the samples of *path*, by the time they were sent."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return sorted(
            Sample(
                float(row["timeStamp"]) / 1000,
                float(row["elapsed"]) / 1000,
                row["success"] == "true",
            )
            for row in rows
        )


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that *share* of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def offered_per_min(samples: list[Sample]) -> float:
    """Return how many submissions left in a minute, from the first to the last."""
    took_s = samples[-1].sent_s - samples[0].sent_s
    return 60 * (len(samples) - 1) / took_s if took_s > 0 else 0.0


def judge(samples: list[Sample], rate_per_min: float) -> tuple[int, list[str]]:
    """Return the exit code and the lines that say why."""
    if len(samples) < 2:
        return 2, ["INVALID: nothing was sent"]
    offered = offered_per_min(samples)
    accepted = sum(one.accepted for one in samples) / len(samples)
    p99_s = percentile([one.took_s for one in samples], 0.99)
    limits = {one.name: one.limit for one in load_targets().target}
    kept = {
        f"accepted {accepted:.3%} of {len(samples):,}, promised above "
        f"{limits['success-rate']:.1%}": accepted > limits["success-rate"],
        f"p99 {1000 * p99_s:.0f} ms, promised below {1000 * limits['api-latency']:.0f} ms": (
            p99_s < limits["api-latency"]
        ),
    }
    lines = [f"{'kept  ' if good else 'BROKEN'}  {line}" for line, good in kept.items()]
    told = f"offered {offered:,.0f} a minute of {rate_per_min:,.0f}"
    # A service that refuses or stalls slows JMeter down: what is broken is then said first.
    if not all(kept.values()):
        return 1, [*lines, told]
    if offered < ENOUGH * rate_per_min:
        return 2, [*lines, f"INVALID: {told}; more threads, or a faster machine for JMeter"]
    return 0, [*lines, told]


def main(arguments: list[str]) -> int:
    """Read the file, say what was found, return the exit code."""
    wanted = next(one.limit for one in load_targets().target if one.name == "throughput")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="what the plan wrote, see -Jresults")
    parser.add_argument("--rate", type=float, default=wanted, help="the -Jrate of the run")
    given = parser.parse_args(arguments)
    try:
        samples = read_samples(given.file)
    except (OSError, KeyError, ValueError) as error:
        sys.stderr.write(f"{given.file} is no results file of this plan: {error}\n")
        return 2
    code, lines = judge(samples, given.rate)
    sys.stdout.write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
