"""The capacity dashboard: what a webhook costs, how much more fits, when that is used up."""

from __future__ import annotations

from sureshot_lab.observability.dashboards.board import Board, Row
from sureshot_lab.observability.dashboards.panel import (
    GREEN,
    JOB,
    PROCESS,
    RED,
    WINDOW,
    YELLOW,
    Panel,
    Query,
    Step,
    chart,
    figure,
)
from sureshot_lab.observability.rules.line import BACKLOG_LIMIT
from sureshot_lab.targets import Targets

ACCEPTED = f"sum(rate(sureshot_webhooks_accepted_total{{{JOB}}}[{WINDOW}]))"
FINISHED = f"sum(rate(sureshot_webhooks_finished_total{{{JOB}}}[{WINDOW}]))"
CPU = f"rate(process_cpu_seconds_total{{{JOB}}}[{WINDOW}])"
RECORDED = f"job:sureshot_webhooks_accepted:rate5m{{{JOB}}}"
ATTEMPTS = "sureshot_delivery_duration_seconds"
DAILY_PEAKS = f"avg_over_time(max_over_time({RECORDED}[1d])[7d:1d])"
"""A week's mean of the daily peaks: neither the hour nor the day of the week moves it, and a
single outlier not much. (A line through the rates of one day follows the day's own rise.)"""
IN_A_WEEK = (
    f"max_over_time({RECORDED}[7d]) * {DAILY_PEAKS} / "
    f"({DAILY_PEAKS.removesuffix(')')} offset 7d) > 0) "
    # Half a week to compare with would be no week.
    f"and max_over_time({RECORDED}[1h] offset 14d) "
    f"or max_over_time({RECORDED}[7d])"
)
CONCURRENT = 10_000
"""Requests in flight that one deployment is to bear."""


def capacity(targets: Targets) -> Board:
    """Return the dashboard."""
    return Board(
        uid="sureshot-capacity",
        title="Sureshot capacity",
        description="Load against what was promised and what is possible, and where it is going.",
        rows=[
            Row("Room", _room(targets)),
            Row("Cost", _cost()),
            Row("Growth", _growth(targets)),
        ],
        since="now-24h",
    )


def _room(targets: Targets) -> list[Panel]:
    promised = targets.gate("throughput").limit
    cpu = targets.gate("cpu").limit
    return [
        figure("Of the promised rate", "Accepted now, of the promised webhooks a minute.",
               "percentunit", f"{ACCEPTED} * 60 / {promised:.12g}",
               steps=[Step(0.8, YELLOW), Step(1, RED)], width=6),
        figure("Fits at the CPU target", "The rate at which the busiest process would reach its "
               "CPU target, were all webhooks as dear as now; green above the promise.", "cpm",
               f"{ACCEPTED} * 60 * {cpu:g} / max({CPU})",
               steps=[Step(promised, GREEN)], first=RED, width=6),
        figure("Time to drain", "The backlog over the rate at which webhooks become final, were "
               "nothing more accepted.", "s", f"max(sureshot_backlog{{{JOB}}}) / {FINISHED}",
               width=6),
        figure("Processes", "Those that answer.", "short", f"count(up{{{JOB}}} == 1)",
               steps=[Step(1, GREEN)], first=RED, width=6),
        chart("Room at the CPU target", "Accepted, and the rate at which the busiest process would "
              "reach its CPU target; the line is the promise.", "cps", Query(ACCEPTED, "accepted"),
              Query(f"{ACCEPTED} * {cpu:g} / max({CPU})", "fits"),
              steps=[Step(promised / 60, RED)], width=12),
        chart("Processes by role", "Those that answer.", "short",
              Query(f"count by (role) (up{{{JOB}}} == 1)", "{{role}}"), stacked=True, width=12),
    ]  # fmt: skip


def _cost() -> list[Panel]:
    rate = f"rate({ATTEMPTS}_count{{{JOB}}}[{WINDOW}])"
    seconds = f"rate({ATTEMPTS}_sum{{{JOB}}}[{WINDOW}])"
    return [
        chart("CPU for a webhook", "CPU of all processes over the webhooks accepted.", "s",
              Query(f"sum({CPU}) / {ACCEPTED}", "CPU")),
        chart("In flight", "Requests being made, and what rate times duration makes of it; a "
              "growing gap means they wait for something else. The line is the promise.", "short",
              Query(f"sum(sureshot_in_flight{{{JOB}}})", "measured"),
              Query(f"sum({seconds})", "rate x duration"), steps=[Step(CONCURRENT, RED)]),
        chart("Webhooks in a commit", "Mean batch, by stage; it grows with load, and each commit "
              "is one write to the disk.", "short",
              Query(f"sum by (stage) (rate(sureshot_batch_size_sum{{{JOB}}}[{WINDOW}])) / "
                    f"sum by (stage) (rate(sureshot_batch_size_count{{{JOB}}}[{WINDOW}]))",
                    "{{stage}}")),
        chart("Balance", "Share of the attempts each process makes.", "percentunit",
              Query(f"sum by (instance) ({rate}) / on () group_left () sum({rate})",
                    "{{instance}}"), width=12),
        chart("Attempts for each webhook", "More than one each is work for receivers in trouble.",
              "short", Query(f"sum({rate}) / {ACCEPTED}", "attempts"), width=12),
    ]  # fmt: skip


def _growth(targets: Targets) -> list[Panel]:
    promised = targets.gate("throughput").limit / 60
    return [
        chart("Highest rate of a day", "Accepted a second, averaged over 5 minutes.", "cps",
              Query(f"max_over_time({RECORDED}[1d])", "highest"),
              Query(f"avg_over_time({RECORDED}[1d])", "mean"), steps=[Step(promised, RED)]),
        chart("Highest rate in a week", "The week's highest, grown once more as the daily peaks "
              "grew since the week before; before there are two weeks, the highest so far. The "
              "line is the promise.", "cps", Query(IN_A_WEEK, "in a week"),
              Query(f"max_over_time({RECORDED}[7d])", "this week"), steps=[Step(promised, RED)],
              apart="1h"),
        chart("Backlog in four hours", "Where the last half hour's trend leads.", "short",
              Query(f"max(predict_linear(sureshot_backlog{{{PROCESS}}}[30m], 4 * 3600))",
                    "in 4 h"),
              Query(f"max(sureshot_backlog{{{PROCESS}}})", "now"),
              steps=[Step(BACKLOG_LIMIT, RED)]),
    ]  # fmt: skip
