"""The lines of the list after a run: each done or open, with what shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from sureshot_lab.checks.notification import DELIVERED, Notification
from sureshot_lab.errors import LabError
from sureshot_lab.report import markdown
from sureshot_lab.report.figures import limit, measured
from sureshot_lab.result import Finding, Gate, RunResult, Verdict

ISSUES = ("critical", "warning")
"""Severities of findings that someone has to do something about."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line. ``missing``: what it takes to tick it, empty when it is done."""

    name: str
    title: str
    done: bool
    evidence: list[str]
    missing: str = ""


def _item(name: str, title: str, evidence: Sequence[str], missing: str = "") -> Item:
    return Item(name=name, title=title, done=not missing, evidence=list(evidence), missing=missing)


def issues_of(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that are more than worth knowing."""
    return [finding for finding in findings if finding.severity in ISSUES]


def analysed(
    result: RunResult, findings: Sequence[Finding], explanations: Mapping[str, str]
) -> Item:
    """Every gate holds or is explained, in a run that says something.

    Raises:
        LabError: an explanation of a gate that the run does not have, or that holds.

    """
    unheld = [gate for gate in result.gates if not gate.passed]
    _refuse_unknown(explanations, unheld)
    held = len(result.gates) - len(unheld)
    evidence = [
        f"verdict {result.verdict.value}: {'; '.join(result.reasons)}",
        f"{held} of {len(result.gates)} gates hold",
        f"{len(findings)} findings, {len(issues_of(findings))} of them issues",
        *(
            f"{_told(gate)}: {explanations[gate.name]}"
            for gate in unheld
            if gate.name in explanations
        ),
    ]
    return _item(
        "analysed", "Results analysed", evidence, _unanalysed(result, unheld, explanations)
    )


def _unanalysed(result: RunResult, unheld: Sequence[Gate], explanations: Mapping[str, str]) -> str:
    if result.partial:
        return "the run was stopped early: run it again"
    if result.verdict is Verdict.INVALID:
        return "the run is INVALID, it says nothing about the service: run it again"
    open_gates = [gate for gate in unheld if gate.name not in explanations]
    if not open_gates:
        return ""
    told = "; ".join(_told(gate) for gate in open_gates)
    names = " ".join(f"--explain {gate.name}=WHY" for gate in open_gates)
    return f"not explained: {told} ({names})"


def _refuse_unknown(explanations: Mapping[str, str], unheld: Sequence[Gate]) -> None:
    known = [gate.name for gate in unheld]
    for name in explanations:
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "every gate holds"
            raise LabError(f"--explain {name}: no gate of that name was missed; {there}")


def _told(gate: Gate) -> str:
    return f"{gate.title or gate.name} {measured(gate)}, to be {limit(gate)}"


def documented(result: RunResult, findings: Sequence[Finding], folder: Path) -> Item:
    """Every issue of the run is in the report beside it; what is found only now is told here."""
    title = "Issues documented"
    issues = issues_of(findings)
    evidence = [f"{one.severity}: {one.what}" for one in issues]
    evidence = evidence or ["no issue: nothing critical and no warning was found"]
    try:
        report = (folder / markdown.FILE).read_text()
    except OSError:
        missing = f"there is no {markdown.FILE}: `sureshot lab report {folder}` writes it"
        return _item("documented", title, evidence, missing)
    ours = issues_of(result.findings)
    untold = [one.what for one in ours if markdown.plain(one.what) not in report]
    if untold:
        missing = (
            f"{markdown.FILE} does not tell: {'; '.join(untold)} "
            f"(`sureshot lab report {folder}` writes it anew)"
        )
        return _item("documented", title, evidence, missing)
    return _item("documented", title, [*evidence, f"report: {folder / markdown.FILE}"])


def recommended(findings: Sequence[Finding], ours: Sequence[str]) -> Item:
    """Every issue has a recommendation, by the analysis or by a person."""
    without = [one.what for one in issues_of(findings) if not one.recommendation]
    count = len(recommendations_of(findings, ours))
    evidence = [f"{count} for {len(issues_of(findings))} issues, {len(ours)} of them by people"]
    missing = ""
    if without and not ours:
        missing = f"nothing is recommended for: {'; '.join(without)} (--recommend TEXT)"
    return _item("recommended", "Recommendations created", evidence, missing)


def recommendations_of(findings: Sequence[Finding], ours: Sequence[str]) -> list[str]:
    """Return what is recommended against the issues, each once, then what a person added."""
    told = [one.recommendation for one in issues_of(findings) if one.recommendation]
    return list(dict.fromkeys([*told, *ours]))


def notified(sent: Notification | None) -> Item:
    """Somebody was told: the service delivered the news of the run."""
    title = "Stakeholders notified"
    if sent is None:
        return _item("notified", title, [], "nobody was told: --notify URL")
    told = [f"through {sent.service} to {sent.receiver}: {sent.status}"]
    if sent.webhook_id:
        attempts = f"{sent.attempts} attempt{'' if sent.attempts == 1 else 's'}"
        told = [f"webhook {sent.webhook_id} {told[0]} after {attempts}, answer {sent.detail}"]
    if sent.status == DELIVERED:
        return _item("notified", title, told)
    why = f"{sent.status} ({sent.detail})" if sent.detail else sent.status
    return _item("notified", title, told, f"it was not delivered: {why}; repeat --notify URL")


def followed_up(actions: Sequence[str]) -> Item:
    """Somebody said what happens next, even if it is nothing."""
    missing = "" if actions else "say what happens next, or that nothing must: --follow-up TEXT"
    return _item("follow-up", "Follow-up actions defined", actions, missing)


def signed(reviewers: Sequence[str], approvers: Sequence[str]) -> Iterator[Item]:
    """Yield whether somebody has reviewed the run, and somebody approved it."""
    for name, title, people in (
        ("reviewer", "Reviewed", reviewers),
        ("approver", "Approved", approvers),
    ):
        yield _item(name, title, people, "" if people else f"by nobody yet: --{name} NAME")
