"""Every dashboard under the name of its file in ``grafana``."""

from __future__ import annotations

from sureshot_lab.observability.dashboards.capacity import capacity
from sureshot_lab.observability.dashboards.delivery import delivery_and_endpoints
from sureshot_lab.observability.dashboards.load_test import load_test_run
from sureshot_lab.observability.dashboards.objectives import slo_and_alerts
from sureshot_lab.observability.dashboards.performance import performance
from sureshot_lab.observability.dashboards.resources import resources
from sureshot_lab.targets import Targets


def dashboard_files(targets: Targets) -> dict[str, str]:
    """Return the text of each file, by its name."""
    boards = {
        "performance-dashboard.json": performance(targets),
        "delivery-and-endpoints.json": delivery_and_endpoints(),
        "resources.json": resources(targets),
        "capacity.json": capacity(targets),
        "slo-and-alerts.json": slo_and_alerts(targets),
        "load-test-run.json": load_test_run(targets),
    }
    return {name: board.text() for name, board in boards.items()}
