"""PASS, FAIL and INVALID, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from sureshot_lab.analysis.rules.validity import LATE_S
from sureshot_lab.result import ErrorCount, Gate, Verdict
from sureshot_lab.runs.verdict import Evidence, decide, main_error
from sureshot_lab.targets import load_targets


def gate(
    name: str = "success-rate", value: float | None = 1.0, *, passed: bool | None = True
) -> Gate:
    return Gate(
        name=name, metric=name, comparison=">", limit=0.999, value=value, passed=passed,
        title=name.title(),
    )  # fmt: skip


def evidence(**changes: Any) -> Evidence:
    sound: dict[str, Any] = {
        "intended": 1000, "sent": 1000, "accepted": 1000, "dropped": 0, "generator_share": 0.3,
        "steal_share": 0.0,
    }  # fmt: skip
    return Evidence(**{**sound, **changes})


SLOW = Gate(
    name="submission-p99", metric="submission_p99_s", comparison="<", limit=0.1, unit="s",
    value=0.5, passed=False, title="Submission-P99",
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "gates", "verdict", "told"),
    [
        (evidence(), [gate()], Verdict.PASS, "all 1 gates hold"),
        (evidence(), [gate(value=0.5, passed=False)], Verdict.FAIL, "Success-Rate"),
        (evidence(), [], Verdict.INVALID, "no gate"),
        (evidence(), [gate(value=None, passed=None)], Verdict.INVALID, "was not measured"),
        (evidence(dropped=1), [gate()], Verdict.INVALID, "1 arrivals were dropped"),
        (evidence(sent=989), [gate()], Verdict.INVALID, "98.9%"),
        (evidence(sent=990), [gate()], Verdict.PASS, "hold"),
        (evidence(sent=0, intended=0), [gate()], Verdict.INVALID, "not one request"),
        (evidence(generator_share=0.81), [gate()], Verdict.INVALID, "81% of its core"),
        (evidence(own_lag_p99_s=0.6), [gate()], Verdict.PASS, "hold"),
        (evidence(own_lag_p99_s=0.6), [SLOW], Verdict.INVALID, "late by itself"),
        (evidence(own_lag_p99_s=0.009), [SLOW], Verdict.FAIL, "Submission-P99"),
        (
            evidence(own_lag_p99_s=0.6), [SLOW, gate(value=0.5, passed=False)], Verdict.FAIL,
            "Submission-P99",
        ),
        (evidence(own_lag_p99_s=1.2), [gate()], Verdict.INVALID, "1.20 s after its time"),
        (
            evidence(own_lag_p99_s=0.2, lag_limit_s=0.1), [gate()], Verdict.INVALID,
            "late by itself",
        ),
        (evidence(steal_share=0.06), [gate()], Verdict.INVALID, "6.0% of the CPU"),
        (evidence(ledger_gap="it died"), [gate()], Verdict.INVALID, "it died"),
        (evidence(accepted=0), [gate("lost", 0.0)], Verdict.INVALID, "not one webhook"),
        (evidence(accepted=0), [gate(value=0.0, passed=False)], Verdict.FAIL, "Success-Rate"),
        (evidence(stopped_early=True), [gate()], Verdict.INVALID, "stopped before its end"),
        (
            evidence(dropped=5), [gate(value=0.5, passed=False)], Verdict.INVALID, "dropped",
        ),
        (
            evidence(dropped=5), [gate("lost", 3.0, passed=False)], Verdict.FAIL, "Lost",
        ),
        (
            evidence(ledger_gap="it died"), [gate("lost", 3.0, passed=False)], Verdict.INVALID,
            "it died",
        ),
    ],
)  # fmt: skip
def test_what_a_run_proves(found: Evidence, gates: list[Gate], verdict: Verdict, told: str) -> None:
    decided, reasons = decide(found, gates)
    assert decided is verdict
    assert told in reasons[0]


def test_every_reason_is_told_not_only_the_first() -> None:
    _verdict, reasons = decide(
        evidence(dropped=2, generator_share=0.9), [gate(value=0.1, passed=False)]
    )
    assert len(reasons) == 3


@pytest.mark.parametrize(
    ("metric", "source"),
    [
        ("database_connections_max", "postgres"),
        ("database_commits_per_webhook", "postgres"),
        ("queue_unacked_max", "rabbitmq"),
        ("queue_latency_p99_s", "metrics"),
        ("service_cpu_share", "processes"),
        ("host_steal_share", "host"),
    ],
)
def test_why_a_figure_is_missing_is_told_by_the_source_it_comes_from(
    metric: str, source: str
) -> None:
    unread = [f"{source}: failed 9 of 9 reads", "sqlite: failed 1 of 9 reads"]
    _verdict, reasons = decide(
        evidence(unread=unread), [gate(metric, value=None, passed=None), gate()]
    )
    assert reasons == [f"{metric.title()} was not measured ({source}: failed 9 of 9 reads)"]


def test_a_load_that_does_not_go_far_enough_is_told_to() -> None:
    missing = gate("goodput_kept_share", value=None, passed=None)
    verdict, reasons = decide(evidence(), [missing, gate()])
    assert verdict is Verdict.INVALID
    assert reasons[0].endswith(
        "(the service could do every rate it was offered: raise `load.stages`)"
    )


def test_the_lateness_that_matters_is_a_tenth_of_the_tightest_limit_it_is_part_of() -> None:
    limits = [
        target.limit
        for target in load_targets().target
        if target.metric.startswith(("submission_", "end_to_end_"))
    ]
    assert pytest.approx(min(limits) / 10) == LATE_S


def test_a_refused_token_is_named() -> None:
    errors = [
        ErrorCount(what="status 503", count=2, first_at_s=0),
        ErrorCount(what="status 401", count=90, first_at_s=0),
    ]
    assert main_error(errors, 100).startswith("90 of 100 submissions ended in status 401: the tok")


def test_what_was_not_measured_is_told_beside_a_doubt_too() -> None:
    verdict, reasons = decide(evidence(steal_share=0.5), [gate(value=None, passed=None)])
    assert verdict is Verdict.INVALID
    assert [reason.split()[0] for reason in reasons] == ["the", "Success-Rate"]
    _verdict, reasons = decide(evidence(stopped_early=True), [gate(value=None, passed=None)])
    assert len(reasons) == 1
