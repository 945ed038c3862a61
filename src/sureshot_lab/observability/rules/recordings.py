"""Recording rules: the objectives' ratios over their windows, and rates to forecast from."""

from __future__ import annotations

from sureshot_lab.observability.expressions import BY, JOB
from sureshot_lab.observability.rules.rule import Recording
from sureshot_lab.observability.rules.slo import WINDOWS, objectives
from sureshot_lab.targets import Targets

RATES = {
    "job:sureshot_webhooks_accepted:rate5m": "sureshot_webhooks_accepted_total{%s}",
    "job:sureshot_webhooks_delivered:rate5m": (
        'sureshot_webhooks_finished_total{%s,status="delivered"}'
    ),
    "job:sureshot_cpu_seconds:rate5m": "process_cpu_seconds_total{%s}",
}


def ratio_recordings(targets: Targets) -> list[Recording]:
    """Return each objective's share of bad events over each window."""
    return [objective.recording(window) for objective in objectives(targets) for window in WINDOWS]


def rate_recordings() -> list[Recording]:
    """Return what is kept per second, over all processes of a deployment."""
    return [
        Recording(name=name, expression=f"sum by ({BY}) (rate({counter % JOB}[5m]))")
        for name, counter in RATES.items()
    ]
