"""Why a run does not have a figure: what its sampler could not read, or its load not show."""

from __future__ import annotations

from collections.abc import Sequence

from sureshot_lab.analysis.rules.finding import Severity, finding
from sureshot_lab.result import Finding
from sureshot_lab.sampler.summary import sources_of

NOT_SHOWN = {
    "goodput_kept_share": "the service could do every rate it was offered: raise `load.stages`",
}
"""Figures that a load has only if it goes far enough."""


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
    if metric in NOT_SHOWN:
        told.append(NOT_SHOWN[metric])
    return f" ({'; '.join(told)})" if told else ""
