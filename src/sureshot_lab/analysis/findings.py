"""What a person should know of a run: every rule asked, the weightiest answer first."""

from __future__ import annotations

from sureshot_lab.analysis.rules import errors, latency, promises, resources, validity
from sureshot_lab.analysis.rules.finding import Rule, Severity
from sureshot_lab.result import Finding, RunResult

RULES: tuple[Rule, ...] = (
    *validity.RULES,
    *promises.RULES,
    *resources.RULES,
    *latency.RULES,
    *errors.RULES,
)
ORDER = [severity.value for severity in Severity]


def findings(result: RunResult) -> list[Finding]:
    """Return what all rules found in *result*: evidence, and what to change, with figures.

    Rules tell only what the run shows: a figure that was not measured leads to no finding.
    """
    found = [finding for rule in RULES for finding in rule(result)]
    return sorted(found, key=lambda finding: ORDER.index(finding.severity))
