"""One run of k6 in every file it can write: all say what the server counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sureshot_lab.readers.files import read_file
from sureshot_lab.readers.k6_summary import read_summary
from sureshot_lab.readers.reading import Kind
from tests.lab.readers.conftest import OneRun

ENDINGS = ["csv", "csv.gz", "export.json", "ndjson", "ndjson.gz", "summary.json"]


def test_between_two_samples_a_percentile_is_where_k6_has_it(tmp_path: Path) -> None:
    """Else a stream of few requests says another p95 than the summary of the same run."""
    file = tmp_path / "two.csv"
    rows = "".join(
        f"{metric},1700000000,{value},submit,\n"
        for metric, value in [("http_reqs", 1), ("http_reqs", 1),
                              ("http_req_duration", 1.0), ("http_req_duration", 2.0)]
    )  # fmt: skip
    file.write_text(f"metric_name,timestamp,metric_value,name,group\n{rows}")
    latency = read_file(file).latency
    assert latency.p50_s == pytest.approx(0.0015, rel=0.002)
    assert latency.p95_s == pytest.approx(0.00195, rel=0.002)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_shape_counts_as_the_server_did(ending: str, bad_run: OneRun) -> None:
    reading = read_file(bad_run.file(ending))
    assert reading.requests == pytest.approx(bad_run.requests, rel=0.01)
    assert reading.failed_requests == bad_run.refused > 0
    assert reading.metrics["requests"] == bad_run.submitted
    share = 1 - bad_run.refused / bad_run.submitted
    assert reading.metrics["submission_success_share"] == pytest.approx(share)
    # Of those followed; a refused one was not delivered either.
    assert reading.metrics["success_share"] <= share
    assert reading.dropped == 0
    assert reading.checks is not None
    assert reading.checks[1] == 2 * bad_run.refused


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_shape_has_the_same_times(ending: str, good_run: OneRun) -> None:
    reading, summary = read_file(good_run.file(ending)), read_file(good_run.file("summary.json"))
    # By default k6 rounds the times in a CSV to seconds: up to one is lost or won.
    off_s = 1.0 if "csv" in ending else 0.1
    assert reading.duration_s == pytest.approx(summary.duration_s, abs=off_s)
    for name in ("mean_s", "p50_s", "p95_s", "max_s"):
        told, expected = getattr(reading.latency, name), getattr(summary.latency, name)
        assert told == pytest.approx(expected, rel=0.02), name
    assert 0 < summary.metrics["submission_p99_s"] < 0.1
    assert summary.metrics["end_to_end_p95_s"] < 0.1


def test_the_kind_is_known_by_content_not_by_name(good_run: OneRun, tmp_path: Path) -> None:
    kinds = {}
    for file in good_run.files:
        other = tmp_path / "something"
        other.write_bytes(file.read_bytes())
        kinds[file.name.removeprefix("run.")] = read_file(other).kind
    assert kinds == {
        "csv": Kind.CSV,
        "csv.gz": Kind.CSV,
        "export.json": Kind.SUMMARY_EXPORT,
        "ndjson": Kind.NDJSON,
        "ndjson.gz": Kind.NDJSON,
        "summary.json": Kind.HANDLE_SUMMARY,
    }


def test_both_summaries_agree_on_what_was_crossed(bad_run: OneRun, good_run: OneRun) -> None:
    for run, held in ((good_run, True), (bad_run, False)):
        export, summary = (read_file(run.file(e)) for e in ("export.json", "summary.json"))
        assert export.thresholds == summary.thresholds
        assert export.thresholds["submission_success: rate>0.999"] is held
        assert export.thresholds["dropped_iterations: count==0"] is True


def test_streams_have_no_outcomes_of_thresholds(good_run: OneRun) -> None:
    assert read_file(good_run.file("csv")).thresholds == {}
    assert read_file(good_run.file("ndjson")).thresholds == {}


def test_a_percentile_k6_did_not_keep_is_none(good_run: OneRun, tmp_path: Path) -> None:
    content = json.loads(good_run.file("export.json").read_text())
    for metric in content["metrics"].values():
        metric.pop("p(99)", None)
    reading = read_summary(tmp_path / "x.json", content)
    assert reading.latency.p99_s is None
    assert reading.latency.p95_s is not None
    assert "submission_p99_s" not in reading.metrics


def test_a_script_that_names_nothing_is_read_as_submissions(
    good_run: OneRun, tmp_path: Path
) -> None:
    content = json.loads(good_run.file("export.json").read_text())
    content["metrics"] = {
        name: metric
        for name, metric in content["metrics"].items()
        if "{" not in name and name not in {"delivery_success", "end_to_end"}
    }
    reading = read_summary(tmp_path / "x.json", content)
    assert reading.metrics["requests"] == good_run.requests
    assert "no webhook was followed" in reading.notes[0]


def test_finer_times_of_a_csv_are_understood(good_run: OneRun, tmp_path: Path) -> None:
    head, *rows = good_run.file("csv").read_text().splitlines()
    for factor in (10**3, 10**6, 10**9):
        fine = [row.split(",", 2) for row in rows]
        text = "\n".join(",".join((n, str(int(t) * factor), rest)) for n, t, rest in fine)
        (tmp_path / "fine.csv").write_text(f"{head}\n{text}\n")
        assert read_file(tmp_path / "fine.csv").duration_s == pytest.approx(
            read_file(good_run.file("csv")).duration_s
        )
