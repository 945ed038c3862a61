"""The comparison: each figure of both sets, and what speaks against comparing them."""

from __future__ import annotations

import math
from pathlib import Path

from msgspec.structs import replace

from sureshot_lab.report.comparison import ComparisonRow, write_comparison
from tests.lab.report.examples import bad, good, invalid
from tests.lab.report.page_reader import PageReader

ROWS = [
    ComparisonRow("submission_p99_s", 0.0029, 0.0035, 0.207, (0.11, 0.31), "B is slower"),
    ComparisonRow("throughput_per_min", 59_988, 60_010, 0.0004, (-math.inf, math.inf), "too few"),
]
OURS = [good(run_id="a1"), good(run_id="a2")]
THEIRS = [
    replace(run, conditions=replace(run.conditions, revision="deadbeef0123"))
    for run in (good(run_id="b1"), good(run_id="b2"))
]


def page_of(path: Path) -> PageReader:
    return PageReader(path.read_text(encoding="utf-8"))


def test_a_row_has_both_medians_change_interval_and_words(tmp_path: Path) -> None:
    page = page_of(write_comparison(tmp_path / "ab.html", OURS, THEIRS, ROWS))
    assert "Submission p99 2.90 ms 3.50 ms +20.7 % +11.0 % to +31.0 % B is slower" in page.text
    assert "59,988/min 60,010/min +0.0 % unknown to unknown too few" in page.text
    assert page.count("svg", "range") == 2
    assert "Revision 106bcc6a90f1 deadbeef0123" in page.text
    for run in [*OURS, *THEIRS]:
        assert run.id in page.text


def test_a_fair_comparison_has_no_warning(tmp_path: Path) -> None:
    page = page_of(write_comparison(tmp_path / "ab.html", OURS, THEIRS, ROWS))
    assert "may not be comparable" not in page.text


def test_what_differs_besides_the_revision_is_warned_of(tmp_path: Path) -> None:
    page = page_of(write_comparison(tmp_path / "ab.html", OURS, [bad(), invalid()], ROWS))
    assert "may not be comparable" in page.text
    assert "Scenario differs: A steady, full, B kill-worker, full, steady, full" in page.text
    assert f"B has runs that are INVALID or were stopped: {invalid().id}" in page.text


def test_a_name_that_ends_in_md_gets_markdown(tmp_path: Path) -> None:
    text = write_comparison(tmp_path / "ab.md", OURS, THEIRS, ROWS).read_text(encoding="utf-8")
    assert (
        "| Submission p99 | 2.90 ms | 3.50 ms | +20.7 % | +11.0 % to +31.0 % | B is slower |"
        in text.splitlines()
    )


def test_words_are_escaped(tmp_path: Path) -> None:
    rows = [ROWS[0]._replace(words="<script>x</script>", metric="<b>_s")]
    page = page_of(write_comparison(tmp_path / "ab.html", OURS, [], rows))
    assert page.count("script") == 0
    assert "<script>x</script>" in page.text
    assert "B has no run" in page.text
