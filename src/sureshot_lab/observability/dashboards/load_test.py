"""The dashboard of a load test: k6's own figures of one run, beside the service's of that time.

k6 writes them to Prometheus as it runs:
``k6 run -o experimental-prometheus-rw --tag testid=NAME`` with
``K6_PROMETHEUS_RW_TREND_STATS=p(50),p(95),p(99),max``.
"""

from __future__ import annotations

from sureshot_lab.observability.dashboards.board import JOBS, NAMESPACES, Board, Row, Variable
from sureshot_lab.observability.dashboards.panel import (
    GREEN,
    JOB,
    RED,
    WINDOW,
    Panel,
    Query,
    Step,
    below,
    chart,
    figure,
)
from sureshot_lab.observability.expressions import quantile
from sureshot_lab.targets import Targets

RUN = 'testid=~"$testid"'
SUBMIT = f'{RUN},name="submit"'

RUNS = Variable(
    name="testid",
    label="Run",
    description="What the runs were tagged with: k6 run --tag testid=NAME; several are compared",
    query="label_values(k6_http_reqs_total, testid)",
    several=True,
)


def load_test_run(targets: Targets) -> Board:
    """Return the dashboard."""
    return Board(
        uid="sureshot-load-test",
        title="Sureshot load test run",
        description="k6's figures by run, and what the service did meanwhile.",
        rows=[
            Row("The run", _run(targets)),
            Row("As the client sees it", _client(targets)),
            Row("The service meanwhile", _service(targets)),
        ],
        variables=(JOBS, NAMESPACES, RUNS),
        since="now-30m",
    )


def _run(targets: Targets) -> list[Panel]:
    success = targets.gate("success-rate").limit
    return [
        figure("Requests", "In the range shown.", "short",
               f"sum(increase(k6_http_reqs_total{{{RUN}}}[$__range]))"),
        figure("Submission p99", "From sent to answered, the worst of the range.", "s",
               f"max(max_over_time(k6_http_req_duration_p99{{{SUBMIT}}}[$__range]))",
               steps=below(targets.gate("api-latency").limit)),
        figure("Accepted", "Share of the submissions that were answered 202.", "percentunit",
               f"min(k6_submission_success_rate{{{RUN}}})", steps=[Step(success, GREEN)],
               first=RED),
        figure("Delivered", "Share of the followed webhooks that were delivered.", "percentunit",
               f"min(k6_delivery_success_rate{{{RUN}}})", steps=[Step(success, GREEN)],
               first=RED),
        figure("Checks", "Share of the checks that held.", "percentunit",
               f"min(k6_checks_rate{{{RUN}}})", steps=[Step(success, GREEN)], first=RED),
        figure("Dropped", "Arrivals that found no free virtual user: with any, the run did not "
               "offer the load it promises.", "short",
               f"sum(increase(k6_dropped_iterations_total{{{RUN}}}[$__range])) or vector(0)",
               steps=[Step(1, RED)]),
    ]  # fmt: skip


def _client(targets: Targets) -> list[Panel]:
    latency = [
        Query(
            f"max by (testid) (k6_http_req_duration_{stat}{{{SUBMIT}}})", f"{{{{testid}}}} {stat}"
        )
        for stat in ("p50", "p95", "p99", "max")
    ]
    delivered = [
        Query(f"max by (testid) (k6_end_to_end_{stat}{{{RUN}}})", f"{{{{testid}}}} {stat}")
        for stat in ("p50", "p95", "p99")
    ]
    return [
        chart("Request rate", "By what was asked.", "reqps",
              Query(f"sum by (testid, name) (rate(k6_http_reqs_total{{{RUN}}}[{WINDOW}]))",
                    "{{testid}} {{name}}")),
        chart("Submission latency", "From sent to answered; the line is the promise for p99.", "s",
              *latency, steps=[Step(targets.gate("api-latency").limit, RED)]),
        chart("Delivery latency", "Accepted to delivered, of the followed webhooks; the line is "
              "the promise for p95.", "s", *delivered,
              steps=[Step(targets.gate("delivery-latency").limit, RED)]),
        chart("Failed requests", "Share that was answered with an error, or not at all.",
              "percentunit", Query(f"max by (testid, name) (k6_http_req_failed_rate{{{RUN}}})",
                                   "{{testid}} {{name}}")),
        chart("Virtual users", "At work, and there.", "short",
              Query(f"max by (testid) (k6_vus{{{RUN}}})", "{{testid}} at work"),
              Query(f"max by (testid) (k6_vus_max{{{RUN}}})", "{{testid}} there")),
        chart("Iterations", "Finished; a shortfall against the plan is load that was not offered.",
              "cps", Query(f"sum by (testid) (rate(k6_iterations_total{{{RUN}}}[{WINDOW}]))",
                           "{{testid}}")),
    ]  # fmt: skip


def _service(targets: Targets) -> list[Panel]:
    cpu = targets.gate("cpu").limit
    (depth,) = (each for each in targets.resource if each.name == "queue-depth")
    return [
        chart("Delivered", "Webhooks accepted and delivered, a second.", "cps",
              Query(f"sum(rate(sureshot_webhooks_accepted_total{{{JOB}}}[{WINDOW}]))", "accepted"),
              Query(f'sum(rate(sureshot_webhooks_finished_total{{{JOB},status="delivered"}}'
                    f"[{WINDOW}]))", "delivered"), width=6),
        chart("Queue depth", "Leases published and not taken. Lines: target, alert, limit.",
              "short", Query(f"max(sureshot_queue_depth{{{JOB}}})", "depth"),
              steps=below(depth.target, depth.alert, depth.limit), width=6),
        chart("Latency inside", "p99 of queue and end to end, by the service's own histograms.",
              "s", *(Query(quantile(0.99, f"sureshot_{metric}_seconds", labels=JOB, window=WINDOW),
                           metric.replace("_", " ")) for metric in ("queue_latency", "end_to_end")),
              width=6),
        chart("CPU", "Of each process; the line is the target.", "percentunit",
              Query(f"rate(process_cpu_seconds_total{{{JOB}}}[{WINDOW}])", "{{instance}}"),
              steps=[Step(cpu, RED)], width=6),
    ]  # fmt: skip
