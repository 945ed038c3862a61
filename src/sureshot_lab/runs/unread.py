"""What the sampler of a run could not read: as a finding, and as why a figure is missing."""

from __future__ import annotations

from collections.abc import Sequence

from sureshot_lab.analysis.rules.finding import Severity, finding
from sureshot_lab.result import Finding
from sureshot_lab.sampler.summary import sources_of


def unread_findings(problems: Sequence[str]) -> list[Finding]:
    """Return one finding of all *problems* of a ``Sampler``, none without any."""
    if not problems:
        return []
    return [
        finding(
            Severity.NOTE,
            "Not everything could be sampled",
            f"{'; '.join(problems)}.",
            "Charts and figures that rest on it have gaps, or are missing.",
        )
    ]


def why_unread(metric: str, problems: Sequence[str]) -> str:
    """Return why nothing is known of *metric*, to be put behind it; empty if that is not known."""
    sources = sources_of(metric)
    told = [problem for problem in problems if problem.partition(":")[0] in sources]
    return f" ({'; '.join(told)})" if told else ""
