"""What a recording rule, an alert and a group of them are, and how Prometheus reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec


class Severity(StrEnum):
    """Who hears of an alert: whoever is on call, now; or a queue of work, today."""

    PAGE = "page"
    TICKET = "ticket"


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """A series that Prometheus computes and keeps: ``level:metric:operations``."""

    name: str
    expression: str

    def document(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        return {"record": self.name, "expr": self.expression}


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that a person has to hear of once it has held for ``hold_s`` seconds.

    ``description`` is a template of Prometheus and states the value.
    """

    name: str
    expression: str
    severity: Severity
    summary: str
    description: str
    hold_s: float = 0.0
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)

    def document(self, runbooks: str) -> dict[str, Any]:
        """Return the rule as Prometheus reads it; *runbooks* is where their pages are."""
        hold = {"for": duration(self.hold_s)} if self.hold_s else {}
        return {
            "alert": self.name,
            "expr": self.expression,
            **hold,
            "labels": {"service": "sureshot", "severity": str(self.severity), **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{runbooks}/{self.name}.md",
            },
        }


class AlertGroup(msgspec.Struct, frozen=True):
    """Alerts about one thing; Prometheus evaluates them one after the other."""

    name: str
    alerts: Sequence[Alert]


def duration(seconds: float) -> str:
    """Return whole *seconds* as Prometheus writes them: ``90s``, ``5m``, ``3d``."""
    whole = round(seconds)
    for unit, length_s in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole and whole % length_s == 0:
            return f"{whole // length_s}{unit}"
    return f"{whole}s"
