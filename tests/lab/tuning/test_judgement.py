"""What repetitions of both sides say, and what is recommended then."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.tuning.beginning import DEFAULTS
from sureshot_lab.tuning.judgement import Outcome, judge
from sureshot_lab.tuning.objective import Objective
from tests.lab.tuning.results import a_result

SLOW, FAST = (100.0, 102.0, 98.0, 101.0, 99.0, 103.0), (80.0, 82.0, 79.0, 81.0, 78.0, 83.0)


def _runs(cpu_us: Sequence[float], failed: int = 0) -> list[RunResult]:
    return [
        a_result(value, Verdict.FAIL if number < failed else Verdict.PASS)
        for number, value in enumerate(cpu_us)
    ]


def test_a_clear_gain_is_recommended_with_its_size_and_its_p() -> None:
    found = judge(_runs(SLOW), _runs(FAST), Objective.CPU, DEFAULTS)
    assert found.outcome is Outcome.BETTER
    first = found.compared[0]
    assert first.metric == "service_cpu_us_per_webhook"
    assert first.change.value == pytest.approx(-0.2, abs=0.02)
    assert first.delta == -1
    assert first.p < 0.01
    assert "Service CPU per webhook -19.9 %" in found.says
    assert found.kept == ((6, 6), (6, 6))
    assert "submission_p99_s" in {one.metric for one in found.compared[1:]}


def test_what_noise_may_be_is_no_difference_and_what_is_worse_is_said() -> None:
    mixed = judge(
        _runs(SLOW), _runs((101.0, 97.0, 104.0, 96.0, 100.0, 99.5)), Objective.CPU, DEFAULTS
    )
    assert mixed.outcome is Outcome.NO_DIFFERENCE
    assert "keep the defaults: no significant difference" in mixed.says
    worse = judge(_runs(FAST), _runs(SLOW), Objective.CPU, DEFAULTS)
    assert worse.outcome is Outcome.NO_DIFFERENCE
    assert "the candidate is worse" in worse.says


def test_a_candidate_that_misses_gates_is_not_recommended_however_good_its_figure() -> None:
    found = judge(_runs(SLOW), _runs(FAST, failed=1), Objective.CPU, DEFAULTS)
    assert found.outcome is Outcome.NO_DIFFERENCE
    assert "missed gates in 1 of its 6 runs" in found.says


def test_keeping_the_gates_that_the_defaults_miss_is_better_without_a_better_figure() -> None:
    found = judge(_runs(SLOW, failed=6), _runs(SLOW), Objective.CPU, DEFAULTS)
    assert found.outcome is Outcome.BETTER
    assert "keeps gates that the defaults miss" in found.says
    # One of six may be chance.
    by_chance = judge(_runs(SLOW, failed=1), _runs(SLOW), Objective.CPU, DEFAULTS)
    assert by_chance.outcome is Outcome.NO_DIFFERENCE


def test_too_few_valid_runs_are_undecided() -> None:
    found = judge(_runs(SLOW), _runs(FAST[:3]), Objective.CPU, DEFAULTS)
    assert found.outcome is Outcome.UNDECIDED
    assert "3 of the candidate are too few" in found.says
