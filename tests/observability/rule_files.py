"""The committed rules and their unit tests, read as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
Document = dict[str, Any]


def rules(file: str) -> list[Document]:
    """Return every rule of ``prometheus/rules/<file>``."""
    document = yaml.safe_load((PROMETHEUS / "rules" / file).read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def alerts_by_name() -> dict[str, list[Document]]:
    """Return the alerts; an objective has several of one name."""
    found: dict[str, list[Document]] = {}
    for rule in rules("alerts.yml"):
        found.setdefault(rule["alert"], []).append(rule)
    return found


def unit_test(name: str) -> Document:
    """Return the unit tests of the alert *name*."""
    document: Document = yaml.safe_load((PROMETHEUS / "tests" / f"{name}.yml").read_text())
    return document


def expectations(name: str) -> list[list[Document]]:
    """Return what the unit tests of *name* expect to fire, one list for each point in time."""
    return [
        point.get("exp_alerts") or []
        for test in unit_test(name)["tests"]
        for point in test["alert_rule_test"]
    ]
