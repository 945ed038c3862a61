"""A fault of the running service becomes a notice at whoever is on call, within a minute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sureshot_lab.observability.rules.files import alert_groups
from sureshot_lab.observability.rules.rule import Alert, AlertGroup
from sureshot_lab.targets import load_targets
from tests.observability.stack import Stack

HOLD_S = 1.0
LOWERED = {"SureshotWebhooksOverdue": ("> 300", "> 1"), "SureshotBreakersOpen": ("> 10", "> 0")}
"""What would take minutes, or ten receivers, alerts at once here; the rest is as committed."""


def _impatient(alert: Alert) -> Alert:
    old, new = LOWERED.get(alert.name, ("", ""))
    assert old in alert.expression
    return msgspec.structs.replace(
        alert, hold_s=min(HOLD_S, alert.hold_s), expression=alert.expression.replace(old, new)
    )


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    groups = [
        AlertGroup(group.name, [_impatient(alert) for alert in group.alerts])
        for group in alert_groups(load_targets())
    ]
    with Stack(tmp_path, groups, {"SURESHOT_BREAKER_THRESHOLD": "1"}).running() as running:
        yield running


@pytest.mark.slow
def test_faults_reach_whoever_is_to_hear_of_them(stack: Stack) -> None:
    assert stack.submit("/failing") == [202]
    ticket = stack.wait_for_alert("/ticket", "SureshotBreakersOpen")
    assert ticket["annotations"]["description"].startswith("1 endpoints have an open breaker")
    assert ticket["annotations"]["runbook_url"] == "docs/runbooks/SureshotBreakersOpen.md"

    assert stack.post("/api/v1/admin/pause")[0] == 200
    stack.submit("/webhooks", 5)
    overdue = stack.wait_for_alert("/ticket", "SureshotWebhooksOverdue")
    assert overdue["labels"]["job"] == "sureshot"
    assert stack.post("/api/v1/admin/resume")[0] == 200

    stack.kill_service()
    page = stack.wait_for_alert("/page", "SureshotDown")
    assert page["labels"]["severity"] == "page"
    stack.start_service()
    stack.wait_for_alert("/page", "SureshotDown", "resolved")
