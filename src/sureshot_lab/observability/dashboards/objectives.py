"""The dashboard of objectives and alerts: what is kept, how fast budgets burn, what fires."""

from __future__ import annotations

from sureshot_lab.observability.dashboards.board import JOBS, NAMESPACES, Board, Row
from sureshot_lab.observability.dashboards.panel import (
    ALERTING,
    GREEN,
    JOB,
    ORANGE,
    RED,
    YELLOW,
    Panel,
    Query,
    Step,
    chart,
    figure,
    listing,
)
from sureshot_lab.observability.rules.slo import BURNS, WINDOWS, Objective, objectives
from sureshot_lab.targets import Targets

FIRING = f'ALERTS{{{ALERTING},alertstate="firing"}}'


def slo_and_alerts(targets: Targets) -> Board:
    """Return the dashboard."""
    kept = objectives(targets)
    return Board(
        uid="sureshot-objectives",
        title="Sureshot objectives and alerts",
        description="The objectives with their error budgets, and every alert.",
        rows=[
            *(Row(objective.title, _objective(objective)) for objective in kept),
            Row("Alerts", _alerts()),
        ],
        variables=(JOBS, NAMESPACES),
        since="now-6h",
    )


def _objective(objective: Objective) -> list[Panel]:
    ratio = {window: f"{objective.name(window)}{{{JOB}}}" for window in WINDOWS}
    kept = 1 - objective.budget
    return [
        figure("Kept, 3 days", f"Share of good events; {kept * 100:g} % are promised.",
               "percentunit", f"1 - {ratio['3d']}", steps=[Step(kept, GREEN)], first=RED),
        figure("Budget left, 3 days", "What is left of three days' error budget; below zero more "
               "was spent than there is.", "percentunit",
               f"1 - {ratio['3d']} / {objective.budget:g}",
               steps=[Step(0, YELLOW), Step(0.5, GREEN)], first=RED),
        chart("Burn rate", "How many times faster than allowed the budget is spent, by window. "
              "At 1 a budget of 30 days lasts 30 days. The lines are those of the alerts.", "short",
              *(Query(f"{ratio[window]} / {objective.budget:g}", window) for window in WINDOWS),
              steps=[Step(burn.rate, color) for burn, color in
                     zip(reversed(BURNS), (YELLOW, ORANGE, RED), strict=True)], width=16),
    ]  # fmt: skip


def _alerts() -> list[Panel]:
    return [
        listing("Alerts now", "Pending and firing; docs/runbooks has a page for each.",
                f"ALERTS{{{ALERTING}}}", width=12),
        chart("Firing", "How many alerts of each name fire.", "short",
              Query(f"count by (alertname) ({FIRING})", "{{alertname}}"), stacked=True, width=12),
    ]  # fmt: skip
