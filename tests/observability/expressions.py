"""Every PromQL expression the project ships, with where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser

from tests.observability.rule_files import ROOT, rules

GRAFANA = ROOT / "grafana"
VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "2m",
    "$job": "sureshot",
    "$namespace": ".*",
    "$instance": ".*",
    "$testid": ".*",
}
QUERY = re.compile(r"promtool query instant \S+ '([^']+)'")


class Expression(NamedTuple):
    """An expression; ``where`` is for people."""

    where: str
    text: str


def dashboards() -> dict[str, Any]:
    """Return every dashboard by the name of its file."""
    return {path.name: json.loads(path.read_text()) for path in sorted(GRAFANA.glob("*.json"))}


def panels(dashboard: Any) -> list[Any]:
    """Return the panels that show something: all but the headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def of_dashboards() -> list[Expression]:
    """Return what dashboards ask, with their variables filled in."""
    found = [
        Expression(f"{name}: {panel['title']} {target['refId']}", filled(target["expr"]))
        for name, dashboard in dashboards().items()
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]
    notes = [
        Expression(f"{name}: annotation {note['name']}", filled(note["expr"]))
        for name, dashboard in dashboards().items()
        for note in dashboard["annotations"]["list"]
    ]
    return found + notes


def of_rules() -> list[Expression]:
    """Return what is recorded and alerted on."""
    return [
        Expression(rule.get("alert") or rule["record"], rule["expr"])
        for file in ("recording.yml", "alerts.yml")
        for rule in rules(file)
    ]


def of_pages() -> list[Expression]:
    """Return what pages of the documentation tell people to ask."""
    return [
        Expression(str(page.relative_to(ROOT)), text)
        for page in sorted(Path(ROOT / "docs").rglob("*.md"))
        for text in QUERY.findall(page.read_text())
    ]


def filled(text: str) -> str:
    """Return *text* with Grafana's variables replaced as for one run of everything."""
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    return text


def selectors(text: str) -> Iterator[tuple[str, str]]:
    """Yield the metric of each selector in *text*, and the selector without range."""
    found: list[promql_parser.VectorSelector] = []

    def visit(part: promql_parser.Expr) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            found.append(part)
        elif isinstance(part, promql_parser.MatrixSelector):
            found.append(part.vector_selector)

    promql_parser.walk(promql_parser.parse(text), visit)
    for selector in found:
        yield str(selector.name), selector.prettify()
