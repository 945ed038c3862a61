"""``index.html``: every run is listed, the newest first, the broken ones with their reason."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from sureshot_lab.report.files import write_reports
from sureshot_lab.report.index import write_index
from sureshot_lab.result import RunResult, Verdict, write_result
from tests.lab.report.example_parts import STARTED_AT
from tests.lab.report.examples import all_examples, bad, good, invalid
from tests.lab.report.page_reader import PageReader


def save(folder: Path, result: RunResult, *, reports: bool = True) -> None:
    own = folder / result.id
    own.mkdir()
    write_result(own, result)
    if reports:
        write_reports(own, result)


def at(result: RunResult, days: int, run_id: str, **metrics: float) -> RunResult:
    told = replace(result.conditions, started_at=STARTED_AT + timedelta(days=days))
    return replace(result, id=run_id, conditions=told, metrics={**result.metrics, **metrics})


def index_of(folder: Path) -> PageReader:
    path = write_index(folder)
    assert path == folder / "index.html"
    return PageReader(path.read_text(encoding="utf-8"))


def test_runs_are_listed_newest_first_with_links_to_their_reports(tmp_path: Path) -> None:
    for days, name in ((2, "b"), (9, "a"), (5, "c")):
        save(tmp_path, at(good(), days, name))
    links = [link for link in index_of(tmp_path).values("href") if not link.startswith("#")]
    assert links == ["a/report.html", "c/report.html", "b/report.html"]


def test_a_run_without_a_report_links_to_its_result(tmp_path: Path) -> None:
    save(tmp_path, good(), reports=False)
    assert f"{good().id}/result.json" in index_of(tmp_path).values("href")


def test_a_row_has_verdict_conditions_and_key_figures(tmp_path: Path) -> None:
    for result in all_examples():
        save(tmp_path, result)
    text = index_of(tmp_path).text
    assert (
        "kill-worker, full A worker is killed under load 2026-03-14 10:26:53 UTC FAIL "
        "497/s 183 ms 11.4 s 77.4 µs 0 106bcc6a90f1 5f0c9a1e77b2"
    ) in text
    assert "INVALID stopped early 760/s 412 ms - - -" in text
    assert "10,500/s" in text


def test_broken_runs_are_listed_with_the_reason(tmp_path: Path) -> None:
    save(tmp_path, good())
    (tmp_path / "20260101-cut-off").mkdir()
    (tmp_path / "20260101-cut-off" / "result.json").write_text('{"id": "x", "scena')
    (tmp_path / "20260102-alien").mkdir()
    (tmp_path / "20260102-alien" / "result.json").write_text('{"hello": 1}')
    (tmp_path / "20260103-going-on").mkdir()
    page = index_of(tmp_path)
    assert "1 run, and 3 that cannot be read." in page.text
    assert "20260101-cut-off : 20260101-cut-off/result.json is not a result" in page.text
    assert "20260102-alien : 20260102-alien/result.json is not a result" in page.text
    assert "20260103-going-on : it has no result.json" in page.text


def test_other_files_and_hidden_folders_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "20260104-tune-load").mkdir()
    (tmp_path / "20260104-tune-load" / "tune.json").write_text("{}")
    page = index_of(tmp_path)
    assert "0 runs." in page.text
    assert "No run yet" in page.text


def test_trends_follow_time_and_join_only_what_may_be_compared(tmp_path: Path) -> None:
    save(tmp_path, at(good(), 3, "newest", submission_p99_s=0.006))
    save(tmp_path, at(good(), 1, "oldest", submission_p99_s=0.002))
    save(tmp_path, at(good(), 2, "middle", submission_p99_s=0.004))
    elsewhere = at(good(), 4, "elsewhere", submission_p99_s=9.0)
    machine = {**elsewhere.conditions.machine, "fingerprint": "another"}
    told = replace(elsewhere.conditions, machine=machine)
    save(tmp_path, replace(elsewhere, conditions=told))
    text = index_of(tmp_path).text
    assert "3 runs, 2.00 ms to 6.00 ms, +200.0 % since the first" in text
    assert "steady, full, machine another One run: no trend yet." in text


def test_a_level_that_changed_is_marked_and_told_and_noise_is_not(tmp_path: Path) -> None:
    noise = (0.00, 0.03, -0.02, 0.01, -0.03, 0.02, -0.01, 0.04)
    for day in range(16):
        p99_s = 0.004 * (1.5 if day >= 10 else 1) * (1 + noise[day % 8])
        cost_us = 80 * (1 + noise[day * 3 % 8])
        run = at(good(), day, f"run{day:02}", submission_p99_s=p99_s)
        metrics = {**run.metrics, "service_cpu_us_per_webhook": cost_us}
        save(tmp_path, replace(run, metrics=metrics), reports=False)
    page = index_of(tmp_path)
    assert page.count("path", "mark") == 1
    assert page.text.count("Changed from") == 1
    assert "Changed from 4.02 ms to 6.00 ms" in page.text
    assert "with the run of 2026-03-24 09:26:53 UTC, 106bcc6a90f1" in page.text


def test_runs_that_say_nothing_are_in_no_trend(tmp_path: Path) -> None:
    save(tmp_path, at(good(), 1, "a"))
    save(tmp_path, at(replace(good(), verdict=Verdict.INVALID), 2, "b"))
    save(tmp_path, at(replace(good(), partial=True), 3, "c"))
    assert "One run: no trend yet." in index_of(tmp_path).text


def test_a_failed_run_is_in_the_trend(tmp_path: Path) -> None:
    save(tmp_path, at(bad(), 1, "a"))
    save(tmp_path, at(bad(), 2, "b"))
    assert index_of(tmp_path).count("svg", "spark") == 4


def test_only_invalid_runs_make_no_trend(tmp_path: Path) -> None:
    save(tmp_path, invalid())
    assert "No run that could be compared yet." in index_of(tmp_path).text


def test_titles_are_escaped_and_nothing_is_loaded(tmp_path: Path) -> None:
    save(tmp_path, replace(good(), title="<script>alert(1)</script>"))
    page = index_of(tmp_path)
    assert page.count("script") == 0
    assert "<script>alert(1)</script>" in page.text
    assert not page.values("src")
