"""``sureshot lab compare``, ``baseline check`` and ``report --json`` as they are typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sureshot_lab.result import Verdict, write_result
from tests.cli.command import HereRuns
from tests.lab.analysis.runs import a_run, conditions, gate

P99 = "submission_p99_s"
STEADY = (0.020, 0.021, 0.019, 0.020)
MISSED, FAILED = 1, 3


def save(folder: Path, name: str, p99_s: float, **changes: Any) -> str:
    """Write a run called *name* and return its folder."""
    place = folder / name
    place.mkdir()
    metrics = {P99: p99_s, "requests": 600.0, "failed_requests": 0.0}
    write_result(place, a_run(id=name, metrics=metrics, **changes))
    return str(place)


def save_all(folder: Path, side: str, values: Sequence[float] = STEADY, **changes: Any) -> str:
    """Write a run of *side* for each of *values* and return the glob that names them."""
    for number, value in enumerate(values):
        save(folder, f"{side}-{number}", value, **changes)
    return str(folder / f"{side}-*")


@pytest.mark.parametrize("changes", [{"verdict": Verdict.INVALID}, {"partial": True}], ids=str)
def test_runs_that_say_nothing_are_left_out_and_named(
    here: HereRuns, tmp_path: Path, changes: dict[str, Any]
) -> None:
    a, b = save_all(tmp_path, "a"), save_all(tmp_path, "b")
    save(tmp_path, "b-9", 9.0, **changes)
    ran = here("lab", "compare", a, b, "--metric", P99)
    assert ran.code == 0
    assert "A: 4 runs, B: 4 runs" in ran.out
    assert "left out of B, being INVALID or stopped: b-9" in ran.err


def test_a_side_that_says_nothing_at_all_is_refused(here: HereRuns, tmp_path: Path) -> None:
    a, b = save_all(tmp_path, "a"), save_all(tmp_path, "b", verdict=Verdict.INVALID)
    ran = here("lab", "compare", a, b)
    assert ran.code == FAILED
    assert "B has no run that was neither INVALID nor stopped" in ran.err


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"scenario": "spike"}, "load (full) and spike (full)"),
        ({"conditions": conditions(size="smoke")}, "load (full) and load (smoke)"),
    ],
)
def test_two_loads_are_not_compared(
    here: HereRuns, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    a, b = save_all(tmp_path, "a"), save_all(tmp_path, "b", **changes)
    ran = here("lab", "compare", a, b)
    assert ran.code == FAILED
    assert told in ran.err


def test_another_machine_is_told(here: HereRuns, tmp_path: Path) -> None:
    elsewhere = conditions(machine={"fingerprint": "ffff"})
    a, b = save_all(tmp_path, "a"), save_all(tmp_path, "b", conditions=elsewhere)
    ran = here("lab", "compare", a, b, "--json")
    assert ran.code == 0
    assert [one["metric"] for one in ran.json] == [P99]
    assert "several machines (0123456789ab, ffff)" in ran.err


def test_an_invalid_run_is_not_held_against_a_baseline(here: HereRuns, tmp_path: Path) -> None:
    kept = [save(tmp_path, f"a-{n}", value) for n, value in enumerate(STEADY)]
    assert here("lab", "baseline", "save", *kept).code == 0
    ran = here("lab", "baseline", "check", save(tmp_path, "b", 0.9, verdict=Verdict.INVALID))
    assert ran.code == FAILED
    assert "run b is invalid" in ran.err


@pytest.mark.parametrize(("value", "code"), [(0.020, 0), (0.300, MISSED)])
def test_a_missed_target_is_told_to_programs_too(
    here: HereRuns, tmp_path: Path, value: float, code: int
) -> None:
    run = save(tmp_path, "a", value, gates=[gate(P99, value, "<", 0.1)])
    ran = here("lab", "report", run, "--json")
    assert ran.code == code
    assert ran.json[0]["requests"] == 600
    assert ran.code == here("lab", "report", run).code
