"""Alertmanager's configuration is valid and sends each severity its own way."""

from __future__ import annotations

import pytest

from tests.observability.programs import run
from tests.observability.rule_files import PROMETHEUS, rules

CONFIG = PROMETHEUS / "alertmanager.yml"


def test_alertmanager_takes_the_configuration() -> None:
    checked = run("amtool", "check-config", CONFIG)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("severity", ["page", "ticket"])
def test_every_severity_reaches_its_own_receiver(severity: str) -> None:
    assert severity in {rule["labels"]["severity"] for rule in rules("alerts.yml")}
    labels = (f"severity={severity}", "service=sureshot")
    routed = run("amtool", "config", "routes", "test", f"--config.file={CONFIG}", *labels)
    assert routed.stdout.strip() == severity, routed.stderr
