"""The dashboard of deliveries and endpoints: what receivers answer, and what waits for them."""

from __future__ import annotations

from sureshot_lab.observability.dashboards.board import Board, Row
from sureshot_lab.observability.dashboards.panel import (
    JOB,
    PROCESS,
    RED,
    WINDOW,
    Panel,
    Query,
    Step,
    chart,
    figure,
)
from sureshot_lab.observability.expressions import quantile
from sureshot_lab.observability.rules.line import OVERDUE_S
from sureshot_lab.observability.rules.receivers import BREAKERS, DEAD_LETTERS, FAILING_SHARE

ATTEMPTS = f"rate(sureshot_attempts_total{{{PROCESS}}}[{WINDOW}])"
FINISHED = f"rate(sureshot_webhooks_finished_total{{{PROCESS}}}[{WINDOW}])"
FAILED = f'sureshot_webhooks_finished_total{{{PROCESS},status="failed"}}'
REFUSED = f"rate(sureshot_rejected_total{{{PROCESS}}}[{WINDOW}])"
MANY_BREAKERS = [Step(BREAKERS + 1, RED)]


def delivery_and_endpoints() -> Board:
    """Return the dashboard."""
    return Board(
        uid="sureshot-delivery",
        title="Sureshot delivery and endpoints",
        description="Attempts and what they brought, what waits, what was given up.",
        rows=[
            Row("Now", _now()),
            Row("Attempts", _attempts()),
            Row("Waiting", _waiting()),
            Row("Endpoints and administration", _administration()),
        ],
    )


def _now() -> list[Panel]:
    return [
        figure("Backlog", "Webhooks stored and not final.", "short",
               f"max(sureshot_backlog{{{JOB}}})", width=6),
        figure("Oldest due", "Age of the oldest webhook that is due and not being sent; what is "
               "held back for its receiver does not count.", "s",
               f"max(sureshot_oldest_due_seconds{{{JOB}}})", steps=[Step(OVERDUE_S, RED)], width=6),
        figure("Breakers open", "Endpoints that are let rest because their receiver is in "
               "trouble.", "short", f"max(sureshot_breaker_open{{{JOB}}})", steps=MANY_BREAKERS,
               width=6),
        figure("Dead letters", "Webhooks that failed for good within the last hour.", "short",
               f"sum(increase({FAILED}[1h]))", steps=[Step(DEAD_LETTERS, RED)], width=6),
    ]  # fmt: skip


def _attempts() -> list[Panel]:
    return [
        chart("Attempts", "By outcome: a class of status, or why there was none.", "cps",
              Query(f"sum by (outcome) ({ATTEMPTS}) > 0", "{{outcome}}"), stacked=True),
        chart("Failing attempts", "Share of the attempts that brought no 2xx.", "percentunit",
              Query(f"1 - sum(rate(sureshot_attempts_total{{{PROCESS},outcome=\"2xx\"}}"
                    f"[{WINDOW}])) / sum({ATTEMPTS})", "failing"),
              steps=[Step(FAILING_SHARE, RED)]),
        chart("Duration of a request", "One attempt, whatever it brought.", "s",
              *(Query(quantile(share, "sureshot_delivery_duration_seconds", labels=PROCESS,
                               window=WINDOW), f"p{share * 100:g}")
                for share in (0.5, 0.95, 0.99))),
        chart("Final", "Webhooks that became final, by state.", "cps",
              Query(f"sum by (status) ({FINISHED})", "{{status}}"), stacked=True),
        chart("Attempts for each webhook", "Attempts made, of the webhooks that became final; 1 is "
              "the least.", "short", Query(f"sum({ATTEMPTS}) / sum({FINISHED})", "attempts")),
        chart("Batch size", "Mean number of webhooks committed together, by stage.", "short",
              Query(f"sum by (stage) (rate(sureshot_batch_size_sum{{{PROCESS}}}[{WINDOW}])) / "
                    f"sum by (stage) (rate(sureshot_batch_size_count{{{PROCESS}}}[{WINDOW}]))",
                    "{{stage}}")),
    ]  # fmt: skip


def _waiting() -> list[Panel]:
    return [
        chart("Backlog", "Webhooks stored and not final, of the whole deployment.", "short",
              Query(f"max(sureshot_backlog{{{JOB}}})", "backlog")),
        chart("Oldest due", "Age of the oldest webhook that is due and not being sent.", "s",
              Query(f"max(sureshot_oldest_due_seconds{{{JOB}}})", "age"),
              steps=[Step(OVERDUE_S, RED)]),
        chart("In flight", "Requests being made, by process.", "short",
              Query(f"sureshot_in_flight{{{PROCESS}}}", "{{instance}}"), stacked=True),
        chart("Breakers open", "As each worker counts them.", "short",
              Query(f"sureshot_breaker_open{{{PROCESS}}}", "{{instance}}"), steps=MANY_BREAKERS),
        chart("Held back", "Lanes sent fewer at once, as their receivers' answers taught.", "short",
              Query(f"sureshot_lanes_held_back{{{PROCESS}}}", "{{instance}}")),
        chart("Dead letters", "Webhooks that failed for good, within an hour.", "short",
              Query(f"sum(increase({FAILED}[1h]))", "failed"), steps=[Step(DEAD_LETTERS, RED)]),
        chart("Poisoned messages", "Broker messages nobody could read, within an hour.", "short",
              Query(f"sum(increase(sureshot_poisoned_messages_total{{{PROCESS}}}[1h]))",
                    "poisoned")),
    ]  # fmt: skip


def _administration() -> list[Panel]:
    endpoints = f'{PROCESS},endpoint=~"/api/v1/endpoints.*"'
    return [
        chart("Calls about endpoints", "Answered requests, by route and method.", "reqps",
              Query(f"sum by (endpoint, method) (rate(http_requests_total{{{endpoints}}}"
                    f"[{WINDOW}]))", "{{method}} {{endpoint}}"), width=12),
        chart("Refused submissions", "By what was full.", "cps",
              Query(f"sum by (reason) ({REFUSED})", "{{reason}}"), stacked=True, width=12),
    ]  # fmt: skip
