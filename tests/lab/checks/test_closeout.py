"""After a run: what is done is ticked with what shows it, and what is not stays open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sureshot_lab.checks.closeout import Answers, Closeout, close_out
from sureshot_lab.checks.closeout_files import write_closeout
from sureshot_lab.checks.closeout_items import Item
from sureshot_lab.checks.notification import Notify
from sureshot_lab.errors import LabError, UnreadableResult
from sureshot_lab.report.files import write_reports
from sureshot_lab.result import Finding, RunResult, Verdict, write_result
from tests.lab.analysis.runs import a_run, conditions, gate
from tests.lab.checks.stakeholder import stakeholder
from tests.support.http import call
from tests.support.service import API_TOKEN, running_service

ALL = Answers(reviewers=["Ada"], approvers=["Grace"], follow_ups=["Repeat it with two workers"])
ISSUE = Finding(
    severity="warning",
    what="Submissions stall *now and then*",
    evidence="p99 is 221 ms.",
    recommendation="Look at the checkpoints.",
)
BROKEN = gate("submission_p99_s", 0.2, "<", 0.1)


def a_folder(folder: Path, **changes: Any) -> Path:
    """Keep a run that passed, changed as told, with its reports."""
    kept = [gate("lost", 0, "==", 0, "count")]
    result = a_run(**{"reasons": ["all 1 gates hold"], "gates": kept, **changes})
    folder.mkdir(exist_ok=True)
    write_result(folder, result)
    write_reports(folder, result)
    return folder


def items(told: Closeout) -> dict[str, Item]:
    return {item.name: item for item in told.items}


def open_items(told: Closeout) -> set[str]:
    return {item.name for item in told.items if not item.done}


async def test_nothing_said_leaves_open_what_people_have_to_say(tmp_path: Path) -> None:
    told = await close_out(a_folder(tmp_path), Answers())
    assert open_items(told) == {"notified", "follow-up", "reviewer", "approver"}
    assert told.completed_at is None
    text = write_closeout(tmp_path, told).read_text()
    assert "- [x] **Results analysed**" in text
    assert "- [ ] **Stakeholders notified**" in text
    assert "| Completion date | open |" in text


async def test_a_service_of_its_own_tells_of_a_run_that_had_one(tmp_path: Path) -> None:
    async with stakeholder() as somebody:
        told = await close_out(a_folder(tmp_path), ALL, Notify(url=somebody.url))
    assert told.complete, open_items(told)
    (news,) = somebody.news
    assert news["run"] == told.run
    assert news["verdict"] == "PASS"
    assert "A steady load: PASS" in news["text"]
    (evidence,) = items(told)["notified"].evidence
    assert "webhook wh_" in evidence
    assert "delivered after 1 attempt, answer 204" in evidence
    text = write_closeout(tmp_path, told).read_text()
    assert "[ ]" not in text
    assert "| Reviewer | Ada |" in text
    assert "| Approved by | Grace |" in text
    assert f"{told.completed_at:%Y-%m-%d}" in text
    assert "very-secret" not in text + (tmp_path / "closeout.json").read_text()


async def test_the_news_goes_through_the_service_that_is_named(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service, stakeholder() as somebody:
        to = Notify(url=somebody.url, service=service.url, token=API_TOKEN)
        told = await close_out(a_folder(tmp_path / "run"), ALL, to)
        assert told.notification is not None
        path = f"/api/v1/webhooks/{told.notification.webhook_id}"
        sent = (await call(service.url, "GET", path)).json
    assert told.complete
    assert sent["status"] == "delivered"
    assert sent["eventType"] == "performance.run.closed"
    assert sent["payload"]["run"] == told.run


async def test_a_run_of_a_target_is_told_through_that_target(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service, stakeholder() as somebody:
        folder = a_folder(tmp_path / "run", conditions=conditions(target=service.url))
        told = await close_out(folder, ALL, Notify(url=somebody.url, token=API_TOKEN))
    assert told.notification is not None
    assert told.notification.service == service.url
    assert told.complete


async def test_a_receiver_that_fails_leaves_it_open(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service, stakeholder(500) as somebody:
        to = Notify(url=somebody.url, service=service.url, token=API_TOKEN, within_s=1)
        told = await close_out(a_folder(tmp_path / "run"), ALL, to)
    assert open_items(told) == {"notified"}
    assert "retrying (500)" in items(told)["notified"].missing


@pytest.mark.parametrize(
    ("url", "token", "reason"),
    [
        ("ftp://example.com/", API_TOKEN, "refuses it with 422"),
        ("http://127.0.0.1:1/", "mistyped", "refuses it with 401"),
    ],
)
async def test_a_service_that_refuses_the_news_leaves_it_open(
    tmp_path: Path, url: str, token: str, reason: str
) -> None:
    async with running_service(tmp_path) as service:
        to = Notify(url=url, service=service.url, token=token)
        told = await close_out(a_folder(tmp_path / "run"), ALL, to)
    assert open_items(told) == {"notified"}
    assert reason in items(told)["notified"].missing


async def test_a_service_that_is_not_there_leaves_it_open(tmp_path: Path) -> None:
    to = Notify(url="http://127.0.0.1:1/", service="http://127.0.0.1:1", token=API_TOKEN)
    told = await close_out(a_folder(tmp_path), ALL, to)
    assert "does not answer" in items(told)["notified"].missing


async def test_what_was_said_before_still_counts_and_nobody_is_told_twice(tmp_path: Path) -> None:
    async with stakeholder() as somebody:
        folder = a_folder(tmp_path)
        to = Notify(url=somebody.url)
        write_closeout(folder, await close_out(folder, Answers(follow_ups=["first"]), to))
        half = await close_out(folder, Answers(reviewers=["Ada"], follow_ups=["second"]))
        assert open_items(half) == {"approver"}
        write_closeout(folder, half)
        whole = await close_out(folder, Answers(approvers=["Grace"]))
        write_closeout(folder, whole)
        again = await close_out(folder, Answers())
    assert len(somebody.news) == 1
    assert whole.answers.follow_ups == ["first", "second"]
    assert again.complete
    assert again.completed_at == whole.completed_at


async def test_a_missed_gate_must_be_explained(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, verdict=Verdict.FAIL, gates=[BROKEN])
    told = await close_out(folder, ALL)
    assert "analysed" in open_items(told)
    assert "--explain submission_p99_s=WHY" in items(told)["analysed"].missing
    explained = Answers(explanations={"submission_p99_s": "the disk was shared"})
    told = await close_out(folder, explained)
    assert items(told)["analysed"].done
    assert "the disk was shared" in " ".join(items(told)["analysed"].evidence)


async def test_an_explanation_of_a_gate_that_holds_is_refused_before_anybody_is_told(
    tmp_path: Path,
) -> None:
    async with stakeholder() as somebody:
        with pytest.raises(LabError, match="every gate holds"):
            await close_out(
                a_folder(tmp_path), Answers(explanations={"lost": "x"}), Notify(url=somebody.url)
            )
    assert somebody.news == []


@pytest.mark.parametrize(
    "changes", [{"verdict": Verdict.INVALID, "gates": []}, {"partial": True}], ids=str
)
async def test_a_run_that_says_nothing_cannot_be_closed(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    told = await close_out(a_folder(tmp_path, **changes), ALL)
    assert "run it again" in items(told)["analysed"].missing


async def test_issues_must_be_in_the_report(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, findings=[ISSUE])
    told = await close_out(folder, ALL)
    assert items(told)["documented"].done
    assert told.recommended == ["Look at the checkpoints."]
    text = write_closeout(folder, told).read_text()
    assert "| warning | Submissions stall \\*now and then\\* | p99 is 221 ms. |" in text

    result = msgspec.structs.replace(_read(folder), findings=[ISSUE, _another("Memory grows")])
    write_result(folder, result)
    assert (
        "does not tell: Memory grows" in items(await close_out(folder, ALL))["documented"].missing
    )
    (folder / "report.md").unlink()
    missing = items(await close_out(folder, ALL))["documented"].missing
    assert "sureshot lab report" in missing


async def test_issues_that_the_run_did_not_look_for_are_told_here(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, verdict=Verdict.FAIL, gates=[BROKEN])
    told = await close_out(folder, ALL)
    assert items(told)["documented"].done
    assert "promise broken" in write_closeout(folder, told).read_text()


async def test_an_issue_without_a_recommendation_needs_one(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, findings=[_another("Odd answers")])
    told = await close_out(folder, ALL)
    assert "nothing is recommended for: Odd answers" in items(told)["recommended"].missing
    told = await close_out(folder, Answers(recommendations=["Ask the receiver's people"]))
    assert items(told)["recommended"].done


async def test_a_folder_without_a_run_or_with_another_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableResult, match="does not exist"):
        await close_out(tmp_path, ALL)
    folder = a_folder(tmp_path)
    (folder / "closeout.json").write_text("{")
    with pytest.raises(UnreadableResult, match="is not a closeout"):
        await close_out(folder, ALL)


def _another(what: str) -> Finding:
    return Finding(severity="critical", what=what, evidence="Seen.")


def _read(folder: Path) -> RunResult:
    return msgspec.json.decode((folder / "result.json").read_bytes(), type=RunResult)
