"""The checklist after a run: what the result shows, what people said, and what is still open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from sureshot_lab.analysis.findings import findings
from sureshot_lab.checks import closeout_items
from sureshot_lab.checks.closeout_items import Item, issues_of, recommendations_of
from sureshot_lab.checks.notification import OWN, Notification, Notify, notify
from sureshot_lab.errors import UnreadableResult
from sureshot_lab.report.titles import key_figures
from sureshot_lab.result import FILE as RESULT_FILE
from sureshot_lab.result import Finding, RunResult, read_result

FILE = "closeout.json"


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What people said of a run. ``explanations``: by the name of a gate that was missed."""

    reviewers: list[str] = []
    approvers: list[str] = []
    follow_ups: list[str] = []
    recommendations: list[str] = []
    explanations: dict[str, str] = {}

    def and_then(self, later: Answers) -> Answers:
        """Return both together: names given again replace, everything else is added."""
        return Answers(
            reviewers=later.reviewers or self.reviewers,
            approvers=later.approvers or self.approvers,
            follow_ups=_both(self.follow_ups, later.follow_ups),
            recommendations=_both(self.recommendations, later.recommendations),
            explanations=self.explanations | later.explanations,
        )


class Closeout(msgspec.Struct, frozen=True, kw_only=True):
    """The list as it stands; ``completed_at`` is when its last line was ticked, else None."""

    run: str
    scenario: str
    title: str
    verdict: str
    items: list[Item]
    issues: list[Finding]
    recommended: list[str]
    answers: Answers
    written_at: datetime
    notification: Notification | None = None
    completed_at: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is open."""
        return all(item.done for item in self.items)


async def close_out(folder: Path, answers: Answers, to: Notify | None = None) -> Closeout:
    """Return the list of the run in *folder*, after telling *to* of it if given.

    What was said at an earlier time counts still, and so does a notification unless
    another is asked for. A run that had a target is told through that target unless
    *to* names a service.

    Raises:
        UnreadableResult: there is no run, or its ``closeout.json`` is not ours.
        LabError: an explanation of a gate that was not missed.

    """
    result = read_result(folder)
    before = _before(folder)
    known = before.answers.and_then(answers) if before else answers
    # Not every kind of run looks for them itself.
    found = result.findings or findings(result)
    # What does not fit is refused before anybody is told anything.
    analysed = closeout_items.analysed(result, found, known.explanations)
    sent = before.notification if before else None
    if to is not None:
        sent = await notify(_through(to, result), _news(result, found, known))
    items = [
        analysed,
        closeout_items.documented(result, found, folder),
        closeout_items.recommended(found, known.recommendations),
        closeout_items.notified(sent),
        closeout_items.followed_up(known.follow_ups),
        *closeout_items.signed(known.reviewers, known.approvers),
    ]
    return _listed(result, found, known, items, sent, before)


def _listed(
    result: RunResult, found: Sequence[Finding], known: Answers, items: list[Item],
    sent: Notification | None, before: Closeout | None,
) -> Closeout:  # fmt: skip
    now = datetime.now(UTC)
    earlier = before.completed_at if before else None
    return Closeout(
        run=result.id,
        scenario=result.scenario,
        title=result.title,
        verdict=result.verdict.value,
        items=items,
        issues=issues_of(found),
        recommended=recommendations_of(found, known.recommendations),
        answers=known,
        written_at=now,
        notification=sent,
        completed_at=(earlier or now) if all(item.done for item in items) else None,
    )


def run_folder(told: str, runs: Path) -> Path:
    """Return the folder of a run: of its id under *runs*, of its folder, or of its result."""
    path = Path(told)
    if path.name == RESULT_FILE:
        path = path.parent
    return path if path.exists() or not (runs / told).exists() else runs / told


def _before(folder: Path) -> Closeout | None:
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Closeout)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise UnreadableResult(f"{path} is not a closeout: {error}; move it away") from None


def _through(to: Notify, result: RunResult) -> Notify:
    target = result.conditions.target
    return Notify(
        url=to.url,
        service=to.service or (None if target == OWN else target),
        token=to.token,
        within_s=to.within_s,
    )


def _news(result: RunResult, found: Sequence[Finding], known: Answers) -> dict[str, Any]:
    """Return what is told: ``text`` for chat services, the rest for programs."""
    figures = ", ".join(f"{title} {value}" for title, value in key_figures(result.metrics))
    reasons = "; ".join(result.reasons)
    return {
        "text": f"{result.title}: {result.verdict.value} ({reasons}). {figures}".strip(),
        "run": result.id,
        "scenario": result.scenario,
        "environment": result.conditions.environment,
        "revision": result.conditions.revision,
        "verdict": result.verdict.value,
        "reasons": result.reasons,
        "gates": msgspec.to_builtins(result.gates),
        "issues": [f"{one.severity}: {one.what}" for one in issues_of(found)],
        "recommendations": recommendations_of(found, known.recommendations),
        "followUps": known.follow_ups,
    }


def _both(first: Sequence[str], second: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))
