"""The performance dashboard: what comes in, how fast it is answered, queued and delivered."""

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
    above,
    below,
    chart,
    figure,
)
from sureshot_lab.observability.expressions import SUBMITTED, quantile
from sureshot_lab.targets import Targets

SUBMISSIONS = f"{PROCESS},{SUBMITTED}"
ACCEPTED = f"sum(rate(sureshot_webhooks_accepted_total{{{PROCESS}}}[{WINDOW}]))"
DELIVERED = f'sum(rate(sureshot_webhooks_finished_total{{{PROCESS},status="delivered"}}[{WINDOW}]))'
FINAL = (
    f'sum(rate(sureshot_webhooks_finished_total{{{PROCESS},status=~"delivered|failed"}}[{WINDOW}]))'
)


def performance(targets: Targets) -> Board:
    """Return the dashboard; lines and colours are the limits of *targets*."""
    return Board(
        uid="sureshot-performance",
        title="Sureshot performance",
        description="The five promised figures, and what they are made of.",
        rows=[
            Row("Promised", _promised(targets)),
            Row("Requests", _requests(targets)),
            Row("Queue", _queue(targets)),
            Row("Delivery", _delivery(targets)),
        ],
    )


def _quantile(share: float, metric: str, labels: str = PROCESS) -> str:
    return quantile(share, metric, labels=labels, window=WINDOW)


def _three(metric: str, labels: str = PROCESS) -> list[Query]:
    return [
        Query(_quantile(share, metric, labels), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)
    ]


def _promised(targets: Targets) -> list[Panel]:
    limit = {target.name: target.limit for target in targets.target}
    return [
        figure("Accepted", "Webhooks stored durably, a minute; green at the promised rate.", "cpm",
               f"{ACCEPTED} * 60", steps=above(limit["throughput"]), first="blue", width=4),
        figure("Delivered", "Webhooks delivered, a minute; green at the promised rate.", "cpm",
               f"{DELIVERED} * 60", steps=above(limit["throughput"]), first="blue", width=4),
        figure("Queue latency p99", "Published to taken by a worker.", "s",
               _quantile(0.99, "sureshot_queue_latency_seconds"),
               steps=below(limit["queue-latency"])),
        figure("Delivery latency p95", "Accepted to delivered, of first attempts.", "s",
               _quantile(0.95, "sureshot_end_to_end_seconds"),
               steps=below(limit["delivery-latency"])),
        figure("API latency p99", "A submission received to answered.", "s",
               _quantile(0.99, "http_request_duration_seconds", SUBMISSIONS),
               steps=below(limit["api-latency"])),
        figure("Success", "Delivered, of the webhooks that became final.", "percentunit",
               f"{DELIVERED} / {FINAL}", steps=above(limit["success-rate"]), first=RED),
    ]  # fmt: skip


def _requests(targets: Targets) -> list[Panel]:
    latency_s = targets.gate("api-latency").limit
    requests = f"rate(http_requests_total{{{PROCESS}}}[{WINDOW}])"
    return [
        chart("Request rate", "Answered requests, by route.", "reqps",
              Query(f"sum by (endpoint) ({requests})", "{{endpoint}}"), stacked=True),
        chart("Answers", "Answered requests, by status.", "reqps",
              Query(f"sum by (status) ({requests})", "{{status}}"), stacked=True),
        chart("Response latency", "Submissions, received to answered; the line is the promise for "
              "p99.", "s", *_three("http_request_duration_seconds", SUBMISSIONS),
              steps=[Step(latency_s, RED)]),
        chart("Response latency by route", "p99, received to answered.", "s",
              Query(quantile(0.99, "http_request_duration_seconds", labels=PROCESS, window=WINDOW,
                             by="endpoint, method"), "{{method}} {{endpoint}}"), width=16),
        chart("Within the promise", "Submissions answered within the promised time.",
              "percentunit", Query(
                  f'sum(rate(http_request_duration_seconds_bucket{{{SUBMISSIONS},'
                  f'le="{latency_s:g}"}}[{WINDOW}])) / '
                  f"sum(rate(http_request_duration_seconds_count{{{SUBMISSIONS}}}[{WINDOW}]))",
                  "share"), steps=[Step(0.99, RED)]),
    ]  # fmt: skip


def _queue(targets: Targets) -> list[Panel]:
    latency_s = targets.gate("queue-latency").limit
    (depth,) = (each for each in targets.resource if each.name == "queue-depth")
    taken = "sureshot_queue_latency_seconds"
    return [
        chart("Queue depth", "Leases published and not taken, of the whole deployment. Lines: "
              "target, alert, limit.", "short",
              Query(f"max(sureshot_queue_depth{{{JOB}}})", "depth"),
              steps=below(depth.target, depth.alert, depth.limit)),
        chart("Queue latency", "Published to taken; the line is the promise for p99.", "s",
              *_three(taken), steps=[Step(latency_s, RED)]),
        chart("Taken within the promise", "Leases taken within the promised time.", "percentunit",
              Query(f'sum(rate({taken}_bucket{{{PROCESS},le="{latency_s:g}"}}[{WINDOW}])) / '
                    f"sum(rate({taken}_count{{{PROCESS}}}[{WINDOW}]))", "share"),
              steps=[Step(0.99, RED)]),
    ]  # fmt: skip


def _delivery(targets: Targets) -> list[Panel]:
    promised = targets.gate("throughput").limit / 60
    return [
        chart("End to end", "Accepted to delivered, of first attempts; the line is the promise "
              "for p95.", "s", *_three("sureshot_end_to_end_seconds"),
              steps=[Step(targets.gate("delivery-latency").limit, RED)]),
        chart("Throughput", "Webhooks a second; the line is the promised rate.", "cps",
              Query(ACCEPTED, "accepted"), Query(DELIVERED, "delivered"),
              steps=[Step(promised, RED)]),
        chart("Waiting and in flight", "Stored and not final; being delivered.", "short",
              Query(f"max(sureshot_backlog{{{JOB}}})", "backlog"),
              Query(f"sum(sureshot_in_flight{{{PROCESS}}})", "in flight")),
    ]  # fmt: skip
