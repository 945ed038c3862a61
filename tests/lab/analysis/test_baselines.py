"""Baselines: kept, found again, and held against later runs."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from sureshot_lab.analysis.baselines import (
    Baseline,
    baseline_of,
    compare_with_baseline,
    list_baselines,
    load_baseline,
    save_baseline,
)
from sureshot_lab.analysis.comparison import Answer
from sureshot_lab.errors import LabError, UnreadableResult
from sureshot_lab.result import Verdict
from tests.lab.analysis.runs import STARTED_AT, a_run, conditions, repeated

P99 = "submission_p99_s"
BEFORE = [0.0200, 0.0205, 0.0195, 0.0210, 0.0198]


def a_baseline(revision: str = "aaaa", *, scenario: str = "load", days: int = 0) -> Baseline:
    at = STARTED_AT + timedelta(days=days)
    runs = repeated(
        BEFORE, P99, scenario=scenario, conditions=conditions(revision=revision, finished_at=at)
    )
    return baseline_of(runs)


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    path = save_baseline(tmp_path, a_baseline())
    assert path == tmp_path / "load" / "0123456789ab" / "aaaa.json"
    found = load_baseline(tmp_path, "load", "0123456789ab", "aaaa")
    assert found == a_baseline()
    assert found.repetitions == 5
    assert found.metrics == {P99: BEFORE}


def test_the_newest_is_taken_unless_told_otherwise(tmp_path: Path) -> None:
    save_baseline(tmp_path, a_baseline("bbbb", days=2))
    save_baseline(tmp_path, a_baseline("aaaa", days=1))
    save_baseline(tmp_path, a_baseline("cccc", scenario="spike", days=3))
    assert [one.revision for one in list_baselines(tmp_path)] == ["cccc", "bbbb", "aaaa"]
    assert load_baseline(tmp_path, "load", "0123456789ab").revision == "bbbb"


def test_a_changed_or_unknown_revision_has_a_file_too(tmp_path: Path) -> None:
    assert save_baseline(tmp_path, a_baseline("aaaa+")).name == "aaaa+.json"
    assert save_baseline(tmp_path, a_baseline("../up")).name == ".._up.json"
    assert save_baseline(tmp_path, a_baseline("")).name == "unknown.json"
    assert len(list_baselines(tmp_path)) == 3


def test_a_missing_baseline_is_told_with_what_there_is(tmp_path: Path) -> None:
    assert list_baselines(tmp_path / "nothing") == []
    save_baseline(tmp_path, a_baseline())
    with pytest.raises(UnreadableResult, match=r"\(ffff\).*machines 0123456789ab"):
        load_baseline(tmp_path, "load", "ffff")
    with pytest.raises(UnreadableResult, match="no baseline was saved"):
        load_baseline(tmp_path, "load", "0123456789ab", "eeee")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = save_baseline(tmp_path, a_baseline())
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UnreadableResult, match=r"aaaa\.json is not a baseline"):
        list_baselines(tmp_path)


@pytest.mark.parametrize(
    ("factor", "answer"),
    [(1.0, Answer.NO_DIFFERENCE), (1.2, Answer.WORSE), (0.8, Answer.BETTER)],
)
def test_repetitions_are_held_against_it(factor: float, answer: Answer) -> None:
    [found] = compare_with_baseline(a_baseline(), repeated([v * factor for v in BEFORE], P99))
    assert found.metric == P99
    assert found.answer is answer


@pytest.mark.parametrize(
    ("value", "answer", "told"),
    [
        (0.0215, Answer.NO_DIFFERENCE, "within"),
        (0.030, Answer.WORSE, "beyond"),
        (0.010, Answer.BETTER, "beyond"),
    ],
)
def test_a_single_run_is_told_only_when_it_is_beyond_all(
    value: float, answer: Answer, told: str
) -> None:
    [found] = compare_with_baseline(a_baseline(), repeated([value], P99))
    assert found.answer is answer
    assert told in found.sentence
    assert math.isnan(found.p)


def test_one_run_against_one_run_says_nothing() -> None:
    [found] = compare_with_baseline(baseline_of(repeated([0.02], P99)), repeated([0.05], P99))
    assert found.answer is Answer.TOO_FEW


def test_metrics_are_those_asked_for() -> None:
    runs = [a_run(metrics={P99: 0.02, "retries": 5.0, "throughput_per_min": 600.0})] * 4
    found = compare_with_baseline(baseline_of(runs), runs, ["retries", "unknown"])
    assert [one.metric for one in found] == ["retries"]


@pytest.mark.parametrize(
    "changes", [{"size": "smoke"}, {"engine": "k6"}, {"machine": {"fingerprint": "ffff"}}]
)
def test_runs_of_something_else_are_refused(changes: dict[str, object]) -> None:
    other = a_run(metrics={P99: 0.02}, conditions=conditions(**changes))
    with pytest.raises(LabError, match="cannot be compared"):
        compare_with_baseline(a_baseline(), [other])
    with pytest.raises(LabError, match="not one baseline"):
        baseline_of([a_run(), other])


def test_what_says_nothing_is_no_baseline() -> None:
    with pytest.raises(LabError, match="one run or more"):
        baseline_of([])
    with pytest.raises(LabError, match="invalid"):
        baseline_of([a_run(verdict=Verdict.INVALID)])
    with pytest.raises(LabError, match="stopped"):
        baseline_of([a_run(partial=True)])
    with pytest.raises(LabError, match="no run"):
        compare_with_baseline(a_baseline(), [])


def test_a_failed_run_may_be_one() -> None:
    """What a service that misses a promise came to is worth comparing with too."""
    assert baseline_of([msgspec.structs.replace(a_run(), verdict=Verdict.FAIL)]).repetitions == 1
