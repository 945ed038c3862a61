"""What makes a run a candidate, and when it can be ended early for certain."""

from __future__ import annotations

from sureshot_lab.result import Gate, Interval, Verdict
from sureshot_lab.runs.progress import Progress, silent
from sureshot_lab.scenario import load_scenario
from sureshot_lab.tuning.objective import Objective
from sureshot_lab.tuning.trial import LostCause, TrialState, trial_of
from tests.lab.tuning.results import SPACE, a_result


def _cause(*seconds: tuple[int, int], phase: str = "load") -> str:
    """Return what is said after seconds of (failed, dropped) of 10 s at 500/s; 5 may fail."""
    scenario = load_scenario("load", changes={"load.stages": [[10, 500, 500]]})
    cause = LostCause(scenario)
    progress = Progress("load", 10.0, silent, phase=phase)
    for at, (failed, dropped) in enumerate(seconds):
        progress.second(
            Interval(
                at_s=float(at), intended=500, sent=500, succeeded=500 - failed, failed=failed,
                dropped=dropped,
            )
        )  # fmt: skip
        cause.look(progress)
        cause.look(progress)  # A sample comes between two seconds: nothing counts twice.
    return cause.reason


def test_a_run_is_cut_short_only_when_its_gates_cannot_be_kept_any_more() -> None:
    assert _cause((0, 0), (3, 0), (2, 0)) == ""
    assert "6 submissions failed; of the whole load 5 may" in _cause((3, 0), (3, 0))
    assert "1 arrivals dropped" in _cause((0, 1))
    assert _cause((400, 0), phase="warm-up") == ""


def test_failures_are_no_lost_cause_where_no_gate_forbids_them() -> None:
    cause = LostCause(load_scenario("stress"))
    progress = Progress("stress", 10.0, silent, phase="load")
    progress.second(Interval(at_s=0, intended=900, sent=900, succeeded=0, failed=900))
    cause.look(progress)
    assert cause.reason == ""


def test_only_a_run_that_kept_every_gate_is_a_candidate() -> None:
    missed = Gate(
        name="api-latency", metric="submission_p99_s", comparison="<", limit=0.1, value=0.15,
        passed=False,
    )  # fmt: skip
    trials = [
        trial_of(1, SPACE.start, result, Objective.CPU, cut)
        for result, cut in (
            (a_result(80.0), ""),
            (a_result(80.0, Verdict.FAIL, [missed]), ""),
            (a_result(80.0, Verdict.INVALID), ""),
            (a_result(80.0, Verdict.INVALID), "9 arrivals dropped"),
            (a_result(0.0), ""),
        )
    ]
    assert [one.state for one in trials] == [
        TrialState.CANDIDATE, TrialState.GATES_MISSED, TrialState.INVALID, TrialState.CUT_SHORT,
        TrialState.INVALID,
    ]  # fmt: skip
    assert [one.value for one in trials] == [80.0, 80.0, None, None, None]
    assert [round(one.violation, 6) for one in trials] == [0, 0.5, 1, 1, 1]
    assert trials[3].reasons == ["9 arrivals dropped"]
