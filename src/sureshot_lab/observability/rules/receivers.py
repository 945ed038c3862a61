"""Alerts on what receivers answer: many in trouble, attempts failing, dead letters, poison."""

from __future__ import annotations

from sureshot_lab.observability.expressions import BY, JOB
from sureshot_lab.observability.rules.rule import Alert, AlertGroup, Severity

BREAKERS = 10
"""So many receivers may be in trouble at once without a common cause."""
FAILING_SHARE = 0.5
"""So much of the attempts may fail."""
DEAD_LETTERS = 100
"""So many webhooks may be given up within an hour."""


def receiver_alerts() -> AlertGroup:
    """Return the alerts."""
    return AlertGroup("sureshot-receivers", [*_failing(), *_given_up()])


def _failing() -> list[Alert]:
    attempts = f"sureshot_attempts_total{{{JOB}}}[10m]"
    failed = f'sureshot_attempts_total{{{JOB},outcome!="2xx"}}[10m]'
    return [
        Alert(
            name="SureshotBreakersOpen",
            expression=f"max by ({BY}) (sureshot_breaker_open{{{JOB}}}) > {BREAKERS}",
            severity=Severity.TICKET,
            summary="Many receivers are in trouble at once",
            description='{{ $value | printf "%.0f" }} endpoints have an open breaker for 10 '
            "minutes; so many at once may be a fault of our own network.",
            hold_s=600.0,
        ),
        Alert(
            name="SureshotMostAttemptsFail",
            expression=(
                f"sum by ({BY}) (rate({failed}))\n"
                f"/ sum by ({BY}) (rate({attempts})) > {FAILING_SHARE}\n"
                f"and sum by ({BY}) (increase({failed})) > 100"
            ),
            severity=Severity.PAGE,
            summary="Most attempts fail",
            description="{{ $value | humanizePercentage }} of the attempts of the last 10 minutes "
            "failed.",
            hold_s=300.0,
        ),
    ]


def _given_up() -> list[Alert]:
    failed = f'sureshot_webhooks_finished_total{{{JOB},status="failed"}}[1h]'
    poisoned = f"sureshot_poisoned_messages_total{{{JOB}}}[1h]"
    return [
        Alert(
            name="SureshotDeadLetters",
            expression=f"sum by ({BY}) (increase({failed})) > {DEAD_LETTERS}",
            severity=Severity.TICKET,
            summary="Many webhooks failed for good",
            description='{{ $value | printf "%.0f" }} webhooks became dead letters in the last '
            "hour.",
        ),
        Alert(
            name="SureshotPoisonedMessages",
            expression=f"sum by ({BY}) (increase({poisoned})) > 0",
            severity=Severity.TICKET,
            summary="The broker delivered messages nobody can read",
            description='{{ $value | printf "%.0f" }} messages could not be read in the last '
            "hour; they lie in the dead-letter queue.",
        ),
    ]
