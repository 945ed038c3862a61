"""Objectives: deliveries, submissions, their latency; bad shares over windows, alerts on burn.

A burn rate of 1 spends exactly the budget of 30 days. The pairs of windows and
rates are those of Google's SRE workbook, chapter 5: 14.4 spends 2 % of the budget
in an hour, 6 spends 5 % in six, 1 spends 10 % in three days.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.observability.expressions import BY, JOB, SUBMISSION_ROUTES, SUBMITTED
from sureshot_lab.observability.rules.rule import Alert, AlertGroup, Recording, Severity
from sureshot_lab.result import Gate
from sureshot_lab.targets import Targets

FEWEST_BAD = 10
"""Fewer bad events than this in the long window alert nobody: at two webhooks an hour a
single failure burns budget 500 times too fast, and means nothing."""

BATCH_ROUTE = "/api/v1/webhooks/batch"
"""A submission too, but for its latency."""

_PERCENTILE = re.compile(r"_p(\d+)_")


class Burn(msgspec.Struct, frozen=True):
    """A burn rate that alerts when both windows exceed it."""

    rate: float
    long: str
    short: str
    severity: Severity
    spent: str


BURNS = (
    Burn(14.4, "1h", "5m", Severity.PAGE, "2 % of the month's budget in an hour"),
    Burn(6, "6h", "30m", Severity.PAGE, "5 % of the month's budget in six hours"),
    Burn(1, "3d", "6h", Severity.TICKET, "10 % of the month's budget in three days"),
)
WINDOWS = ("5m", "30m", "1h", "6h", "3d")


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """A promise: of all events, at most the share ``budget`` is bad.

    ``bad`` and ``total`` are rates with ``{window}`` for the window. ``severity`` is that of
    every alert on it; None: each burn rate's own.
    """

    series: str
    alert: str
    title: str
    budget: float
    bad: str
    total: str
    told: str
    severity: Severity | None = None
    sparse: bool = False
    """There may be no series of bad events: without one none is bad."""

    def recording(self, window: str) -> Recording:
        """Return the share of bad events over *window*."""
        return Recording(name=self.name(window), expression=self.ratio(window))

    def name(self, window: str) -> str:
        """Return what the recorded ratio over *window* is called."""
        return f"job:{self.series}:ratio_rate{window}"

    def ratio(self, window: str) -> str:
        """Return the share of bad events over *window* as an expression."""
        bad = f"({self.bad} or 0 * {self.total})" if self.sparse else self.bad
        return f"{bad} / {self.total}".replace("{window}", window)


def objectives(targets: Targets) -> tuple[Objective, ...]:
    """Return the objectives, with the limits of *targets*."""
    return (
        _delivered(targets),
        _answered(targets),
        _fast(targets),
        _delivered_soon(targets),
        _taken_at_once(targets),
    )


def _delivered(targets: Targets) -> Objective:
    success = targets.gate("success-rate").limit
    finished = "sureshot_webhooks_finished_total"
    return Objective(
        series="sureshot_deliveries_failed",
        alert="SureshotDeliveryBudgetBurn",
        title=f"{success * 100:g} % of webhooks are delivered",
        budget=round(1 - success, 9),
        bad=_rate(finished, f'{JOB},status="failed"'),
        total=_rate(finished, f'{JOB},status=~"delivered|failed"'),
        told="of the webhooks that became final were not delivered",
    )


def _answered(targets: Targets) -> Objective:
    # What nobody accepts is delivered by nobody, so the same share is promised.
    success = targets.gate("success-rate").limit
    routes = f'{JOB},method="POST",endpoint=~"{SUBMISSION_ROUTES}|{BATCH_ROUTE}"'
    return Objective(
        series="sureshot_submissions_failed",
        alert="SureshotSubmissionBudgetBurn",
        title=f"{success * 100:g} % of submissions are answered without a fault of ours",
        budget=round(1 - success, 9),
        bad=_rate("http_requests_total", f'{routes},status=~"5.."'),
        total=_rate("http_requests_total", routes),
        told="of the submissions were answered with a status of 500 or above",
        sparse=True,
    )


def _fast(targets: Targets) -> Objective:
    gate = targets.gate("api-latency")
    return _in_time(
        gate, "http_request_duration_seconds", f"{JOB},{SUBMITTED}",
        series="sureshot_submissions_slow",
        alert="SureshotApiLatencyBudgetBurn",
        title=f"{_kept(gate)} of submissions are answered within {_ms(gate)}",
        told=f"of the submissions took longer than {_ms(gate)}",
    )  # fmt: skip


def _delivered_soon(targets: Targets) -> Objective:
    gate = targets.gate("delivery-latency")
    return _in_time(
        gate, "sureshot_end_to_end_seconds", JOB,
        series="sureshot_deliveries_late",
        alert="SureshotDeliveryLatencyBudgetBurn",
        title=f"{_kept(gate)} of first attempts deliver within {_ms(gate)}",
        told=f"of the webhooks delivered at the first attempt came later than {_ms(gate)}",
        # A receiver that takes a second to answer is late here: nothing to be woken for.
        severity=Severity.TICKET,
    )  # fmt: skip


def _taken_at_once(targets: Targets) -> Objective:
    gate = targets.gate("queue-latency")
    return _in_time(
        gate, "sureshot_queue_latency_seconds", JOB,
        series="sureshot_leases_late",
        alert="SureshotQueueLatencyBudgetBurn",
        title=f"{_kept(gate)} of leases are taken from the queue within {_ms(gate)}",
        told=f"of the leases were taken later than {_ms(gate)}",
        # 11 ms hurt nobody. Where the queue makes deliveries late SureshotQueueSlow pages.
        severity=Severity.TICKET,
    )  # fmt: skip


def _in_time(gate: Gate, histogram: str, labels: str, **told: Any) -> Objective:
    """Return the objective that what *histogram* sees keeps within the limit of *gate*."""
    total = _rate(f"{histogram}_count", labels)
    in_time = _rate(f"{histogram}_bucket", f'{labels},le="{gate.limit:g}"')
    return Objective(budget=_may_be_later(gate), bad=f"({total} - {in_time})", total=total, **told)


def _may_be_later(gate: Gate) -> float:
    """Return the share that a percentile leaves: 0.05 for ``end_to_end_p95_s``."""
    found = _PERCENTILE.search(gate.metric)
    if found is None:
        raise LabError(f"the target {gate.name} has no percentile: {gate.metric}")
    return round(1 - int(found[1]) / 100, 9)


def _kept(gate: Gate) -> str:
    return f"{(1 - _may_be_later(gate)) * 100:g} %"


def _ms(gate: Gate) -> str:
    return f"{gate.limit * 1000:g} ms"


def _rate(series: str, labels: str) -> str:
    """Return how much *series* grows a second in each deployment, over ``{window}``."""
    return f"sum by ({BY}) (rate({series}{{{labels}}}[{{window}}]))"


def burn_alerts(targets: Targets) -> AlertGroup:
    """Return three alerts for each objective."""
    return AlertGroup(
        "sureshot-objectives",
        [_alert(objective, burn) for objective in objectives(targets) for burn in BURNS],
    )


def _alert(objective: Objective, burn: Burn) -> Alert:
    limit = f"{burn.rate:g} * {objective.budget:g}"
    bad = objective.bad.replace("rate(", "increase(").replace("{window}", burn.long)
    return Alert(
        name=objective.alert,
        expression=(
            f"{objective.name(burn.long)} > {limit}\n"
            f"and {objective.name(burn.short)} > {limit}\n"
            f"and {bad} > {FEWEST_BAD}"
        ),
        severity=objective.severity or burn.severity,
        summary=f"{objective.title}: budget burns {burn.rate:g} times too fast",
        description=(
            f"In the last {burn.long} {{{{ $value | humanizePercentage }}}} {objective.told}; "
            f"{objective.budget * 100:g} % may. This spends {burn.spent}."
        ),
        labels={"window": burn.long},
    )
