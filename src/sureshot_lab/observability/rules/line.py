"""Alerts on the line from submission to attempt: stuck, late, filling up, refusing."""

from __future__ import annotations

from sureshot_lab.observability.expressions import BY, JOB
from sureshot_lab.observability.rules.rule import Alert, AlertGroup, Severity
from sureshot_lab.targets import Targets

BACKLOG_LIMIT = 1_000_000
"""The default of SURESHOT_BACKLOG_LIMIT; beyond it submissions are answered 503."""
OVERDUE_S = 300
"""As old a due webhook may be."""
SLOW_SHARE = 0.5
"""So much of what is taken from the queue may have waited longer than a whole delivery may."""


def line_alerts(targets: Targets) -> AlertGroup:
    """Return the alerts, with the limits of *targets*."""
    late = [*_late(), _slow_queue(targets)]
    return AlertGroup("sureshot-line", [*_stuck(), *late, *_filling(), _refusing()])


def _stuck() -> list[Alert]:
    return [
        Alert(
            name="SureshotNothingSent",
            # Attempts by their duration: that series is there before the first attempt is.
            expression=(
                f"sum by ({BY}) (rate(sureshot_webhooks_accepted_total{{{JOB}}}[5m])) > 0\n"
                f"unless on ({BY}) sum by ({BY}) "
                f"(rate(sureshot_delivery_duration_seconds_count{{{JOB}}}[5m])) > 0"
            ),
            severity=Severity.PAGE,
            summary="Webhooks are accepted, and none is sent",
            description='{{ $value | printf "%.2f" }} webhooks a second are accepted, and for '
            "5 minutes not one attempt was made.",
            hold_s=300.0,
        ),
        Alert(
            name="SureshotQueueStuck",
            expression=(
                f"max by ({BY}) (sureshot_queue_depth{{{JOB}}}) > 0\n"
                f"unless on ({BY}) sum by ({BY}) "
                f"(rate(sureshot_queue_latency_seconds_count{{{JOB}}}[2m])) > 0"
            ),
            severity=Severity.PAGE,
            summary="No worker takes anything from the queue",
            description='{{ $value | printf "%.0f" }} leases lie in the queue, and no worker has '
            "taken one for 3 minutes.",
            hold_s=60.0,
        ),
    ]


def _late() -> list[Alert]:
    return [
        Alert(
            name="SureshotWebhooksOverdue",
            # A ticket: a receiver that may be sent less than comes in makes webhooks overdue too.
            expression=f"max by ({BY}) (sureshot_oldest_due_seconds{{{JOB}}}) > {OVERDUE_S}",
            severity=Severity.TICKET,
            summary="A webhook has been due for more than 5 minutes",
            description="The oldest webhook that is due and not being sent has been due for "
            "{{ $value | humanizeDuration }}.",
            hold_s=300.0,
        ),
    ]


def _slow_queue(targets: Targets) -> Alert:
    limit_s = targets.gate("delivery-latency").limit
    taken = f"sureshot_queue_latency_seconds_count{{{JOB}}}[5m]"
    soon = f'sureshot_queue_latency_seconds_bucket{{{JOB},le="{limit_s:g}"}}[5m]'
    return Alert(
        name="SureshotQueueSlow",
        # No receiver is in this: whatever is late here is late by our own doing.
        expression=(
            f"1 - sum by ({BY}) (rate({soon})) / sum by ({BY}) (rate({taken})) > {SLOW_SHARE}\n"
            f"and sum by ({BY}) (increase({taken})) > 100"
        ),
        severity=Severity.PAGE,
        summary="Most webhooks wait in the queue longer than their delivery may take",
        description="{{ $value | humanizePercentage }} of the leases waited in the queue longer "
        f"than {limit_s * 1000:g} ms, in which a webhook is to be delivered; for 10 minutes it "
        "was more than half.",
        hold_s=600.0,
    )


def _filling() -> list[Alert]:
    backlog = f"sureshot_backlog{{{JOB}}}"
    return [
        Alert(
            name="SureshotBacklogNearLimit",
            expression=f"max by ({BY}) ({backlog}) > {BACKLOG_LIMIT * 8 // 10}",
            severity=Severity.PAGE,
            summary=f"The backlog is above 80 % of {BACKLOG_LIMIT:,}",
            description='{{ $value | printf "%.0f" }} webhooks wait to be delivered; at '
            f"{BACKLOG_LIMIT:,} submissions are refused.",
            hold_s=60.0,
        ),
        Alert(
            name="SureshotBacklogFillsUp",
            expression=(
                f"max by ({BY}) (predict_linear({backlog}[30m], 4 * 3600)) > {BACKLOG_LIMIT}"
            ),
            severity=Severity.TICKET,
            summary="The backlog will be full within 4 hours",
            description="As it grew in the last 30 minutes, the backlog is "
            f'{{{{ $value | printf "%.0f" }}}} in 4 hours; at {BACKLOG_LIMIT:,} submissions are '
            "refused.",
            hold_s=900.0,
        ),
    ]


def _refusing() -> Alert:
    refused = f"rate(sureshot_rejected_total{{{JOB}}}[5m])"
    accepted = f"rate(sureshot_webhooks_accepted_total{{{JOB}}}[5m])"
    return Alert(
        name="SureshotSubmissionsRejected",
        expression=(
            f"sum by ({BY}, reason) ({refused})\n"
            f"/ on ({BY}) group_left ()\n"
            f"(sum by ({BY}) ({refused}) + sum by ({BY}) ({accepted})) > 0.01"
        ),
        severity=Severity.PAGE,
        summary="Submissions are refused at a limit",
        description="{{ $value | humanizePercentage }} of the submissions are refused: "
        "{{ $labels.reason }}.",
        hold_s=120.0,
    )
