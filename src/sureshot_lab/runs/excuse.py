"""Whether a run is INVALID by the machine's doing alone: ``python -m sureshot_lab.runs.excuse``.

For a continuous integration that has a busy machine: a run that says nothing since the
generator starved is no reason to stop, one that says nothing since the service or its
receiver broke is.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult, Verdict, read_result
from sureshot_lab.runs.verdict import gate_told

MACHINES = re.compile(
    r"\d+ arrivals were dropped: "
    r"|only [\d.]+% of the intended load was offered$"
    r"|the generator used \d+% of its core: "
    r"|the generator was late by itself: "
    r"|the host took [\d.]+% of the CPU away$"
)
"""Doubts (``runs.verdict``) that a busy machine is enough to raise."""


def inexcusable(result: RunResult) -> list[str]:
    """Return the reasons of *result* that no busy machine explains; none of a PASS.

    A time that was missed is explained by one; a webhook that failed, was lost or was
    signed wrongly is not.
    """
    if result.verdict is Verdict.PASS:
        return []
    if result.verdict is Verdict.FAIL:
        return result.reasons
    late = {gate_told(gate) for gate in result.gates if gate.passed is False and gate.unit == "s"}
    return [one for one in result.reasons if not MACHINES.match(one) and one not in late]


def main(arguments: list[str]) -> int:
    """Say of the run whose result or folder is named whether it is excused; 0 if it is."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m sureshot_lab.runs.excuse RESULT\n")
        return 3
    try:
        left = inexcusable(read_result(Path(arguments[0])))
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    for reason in left:
        sys.stderr.write(f"not by the machine: {reason}\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
