"""Every expression can be read, and asks for metrics that the page of metrics has."""

from __future__ import annotations

import re

import promql_parser
import pytest

from tests.observability.expressions import (
    Expression,
    of_dashboards,
    of_pages,
    of_rules,
    selectors,
)
from tests.observability.rule_files import ROOT, rules

ALL = [*of_rules(), *of_dashboards(), *of_pages()]
PROMETHEUS_OWN = {"up", "ALERTS"}
RECORDED = {rule["record"] for rule in rules("recording.yml")}
SUFFIXES = ("_bucket", "_sum", "_count")


def documented() -> set[str]:
    """Return the names in the table of the page of metrics."""
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    return set(re.findall(r"^\| `([a-z_]+)[`{]", page, re.MULTILINE))


def family(metric: str) -> str:
    """Return the name a series is documented under."""
    plain = next((metric.removesuffix(end) for end in SUFFIXES if metric.endswith(end)), metric)
    return plain if plain in documented() else metric


@pytest.mark.parametrize("expression", ALL, ids=lambda each: each.where)
def test_it_can_be_read(expression: Expression) -> None:
    promql_parser.parse(expression.text)


@pytest.mark.parametrize("expression", ALL, ids=lambda each: each.where)
def test_its_metrics_are_documented_recorded_or_k6s(expression: Expression) -> None:
    asked = [name for name, _selector in selectors(expression.text)]
    assert asked
    for name in asked:
        if name in PROMETHEUS_OWN | RECORDED:
            continue
        if name.startswith("k6_"):
            assert expression.where.startswith("load-test-run.json")
            continue
        assert family(name) in documented(), name


@pytest.mark.parametrize("expression", [*of_rules(), *of_dashboards()], ids=lambda each: each.where)
def test_it_asks_for_this_service_alone(expression: Expression) -> None:
    for name, selector in selectors(expression.text):
        mine = 'job="sureshot"', 'service="sureshot"', "testid=~"
        # A recorded series has no more than this service's job in the first place.
        assert name in RECORDED or any(matcher in selector for matcher in mine), selector
