"""How a rule tells what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from sureshot_lab.result import Finding, RunResult


class Severity(StrEnum):
    """How much a finding matters. Their order is that of a report."""

    CRITICAL = "critical"
    """A promise is broken, or a figure cannot be believed."""
    WARNING = "warning"
    """It will be, with more load or more time."""
    NOTE = "note"
    """Worth knowing."""


Rule = Callable[[RunResult], Iterable[Finding]]
"""Looks at one run and tells what it found; nothing when the run does not show it."""


def finding(severity: Severity, what: str, evidence: str, recommendation: str = "") -> Finding:
    """Return a finding; *evidence* and *recommendation* are sentences with figures."""
    return Finding(
        severity=severity.value, what=what, evidence=evidence, recommendation=recommendation
    )
