"""Whether two sets of runs can be compared: what is refused, left out, or told beforehand."""

from __future__ import annotations

from collections.abc import Sequence

from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult, Verdict


def says_nothing(result: RunResult) -> bool:
    """Whether its figures are no evidence: an INVALID run, or one that was stopped."""
    return result.verdict is Verdict.INVALID or result.partial


def comparable(
    a: Sequence[RunResult], b: Sequence[RunResult]
) -> tuple[list[RunResult], list[RunResult], list[str]]:
    """Return what can be compared of A and of B, and what a reader must be told of it.

    Raises:
        LabError: a side has no run that says anything, or the runs are of several
            scenarios or sizes.

    """
    kept_a, told_a = _evidence("A", a)
    kept_b, told_b = _evidence("B", b)
    loads = sorted({f"{one.scenario} ({one.conditions.size})" for one in (*kept_a, *kept_b)})
    if len(loads) > 1:
        raise LabError(
            f"these runs are of {' and '.join(loads)}: only runs of one scenario in one size "
            "can be compared"
        )
    return kept_a, kept_b, [*told_a, *told_b, *_differences([*kept_a, *kept_b])]


def _evidence(side: str, runs: Sequence[RunResult]) -> tuple[list[RunResult], list[str]]:
    kept = [one for one in runs if not says_nothing(one)]
    left_out = [one.id for one in runs if says_nothing(one)]
    if not kept:
        raise LabError(f"{side} has no run that was neither INVALID nor stopped: none to compare")
    if not left_out:
        return kept, []
    return kept, [f"left out of {side}, being INVALID or stopped: {', '.join(left_out)}"]


def _differences(runs: Sequence[RunResult]) -> list[str]:
    """Return what else than A and B may be why figures differ."""
    seen = {
        "machines": {str(one.conditions.machine.get("fingerprint", "unknown")) for one in runs},
        "engines": {one.conditions.engine for one in runs},
        "environments": {one.conditions.environment for one in runs},
    }
    return [
        f"these runs are of several {what} ({', '.join(sorted(names))}): a difference may be theirs"
        for what, names in seen.items()
        if len(names) > 1
    ]
