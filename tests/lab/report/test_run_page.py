"""``report.html``: everything of the result is on it, nothing can break out, nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from sureshot_lab.report.figures import measured
from sureshot_lab.report.files import write_reports
from sureshot_lab.report.run_page import run_page
from sureshot_lab.result import (
    ErrorCount,
    Event,
    Finding,
    Phase,
    RunResult,
    Sample,
    Table,
    Verdict,
)
from tests.lab.report.examples import all_examples, bad, breakpoint_search, good, invalid
from tests.lab.report.page_reader import PageReader

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\x00\x1b[31m'


@pytest.mark.parametrize("result", all_examples(), ids=lambda result: result.id)
def test_gates_reasons_findings_and_errors_are_on_the_page(result: RunResult) -> None:
    text = PageReader(run_page(result)).text
    assert result.title in text
    assert result.verdict.value in text
    for reason in result.reasons:
        assert reason in text
    for gate in result.gates:
        assert gate.title in text
        assert measured(gate) in text
    for finding in result.findings:
        assert finding.what in text
        assert finding.evidence in text
        assert finding.recommendation in text
    for error in result.errors:
        assert error.what in text
    for event in result.events:
        assert event.what in text


def test_a_gate_shows_value_limit_margin_status_and_where_it_is_from() -> None:
    text = PageReader(run_page(bad())).text
    assert (
        "API request latency (p99) FAIL 183 ms < 100 ms misses by 83 % specification "
        "at the client, from the time it was meant to be sent"
    ) in text
    assert "Recovery after the kill FAIL 27.0 s < 10 s misses by 170 % this scenario" in text
    assert "Accepted and lost PASS 0 = 0 exactly our own" in text


def test_resources_are_held_against_target_alert_and_limit() -> None:
    text = PageReader(run_page(bad())).text
    assert "CPU per pod over the target 74 % < 70 % 85 % 90 %" in text
    assert "Queue depth alert 5,412 < 1,000 5,000 10,000" in text
    assert "Database connections not measured not measured < 80 90 100" in text
    without = replace(good(), metrics={"lost": 0.0})
    assert "Resources against the specification" not in PageReader(run_page(without)).text


def test_a_resource_over_its_limit_says_so() -> None:
    over = replace(good(), metrics={"service_rss_max_bytes": float(2 << 30)})
    assert "Memory per pod over the limit 2.00 GiB" in PageReader(run_page(over)).text


@pytest.mark.parametrize("result", all_examples(), ids=lambda result: result.id)
def test_the_conditions_are_on_the_page(result: RunResult) -> None:
    text = PageReader(run_page(result)).text
    told = result.conditions
    for fact in (told.revision, f"Seed {told.seed}", told.engine, told.target, "synchronous=FULL"):
        assert fact in text
    for fact in ("AMD EPYC 9R14", "2 cores", "5f0c9a1e77b2", "6.18.5", "4.1.0"):
        assert fact in text


def test_every_metric_is_on_the_page_by_its_name() -> None:
    text = PageReader(run_page(good())).text
    for name in good().metrics:
        assert name in text


def charts(result: RunResult) -> set[str]:
    return set(re.findall("<figcaption><strong>(.*?)</strong>", run_page(result)))


def test_what_was_measured_is_drawn() -> None:
    always = {"Latency by rate", "Submission latency over time", "Rate over time"}
    sampled = {"Queue", "CPU", "CPU of the host", "Memory (RSS)", "File descriptors"}
    known = {*always, *sampled, "Latency by percentile", "Requests open at the generator"}
    assert charts(good()) == {*known, "Queue latency", "WAL"}
    assert charts(bad()) - charts(good()) == {"Errors over time"}
    assert charts(invalid()) == {*always, "Requests open at the generator", "Errors over time"}
    assert charts(breakpoint_search()) == {"Latency by rate", "What became of the rate offered"}


def test_a_chart_without_data_is_a_sentence() -> None:
    text = PageReader(run_page(breakpoint_search())).text
    assert "Latency by percentile : no distribution of latencies was recorded" in text
    assert "CPU, CPU of the host, Memory (RSS), File descriptors : not sampled" in text


def test_a_partial_run_and_an_invalid_one_say_so_before_their_figures() -> None:
    text = PageReader(run_page(invalid())).text
    figures = text.index("412 ms")
    assert 0 < text.index("This run was stopped early") < figures
    assert 0 < text.index("do not use its figures") < figures
    assert "no gate counts as kept or missed" in text
    complete = PageReader(run_page(good())).text
    assert "stopped early" not in complete
    assert "no gate counts" not in complete


def test_a_run_that_measured_nothing_still_has_a_page() -> None:
    nothing = replace(
        invalid(), gates=[], metrics={}, intervals=[], reasons=["the service did not start"]
    )
    text = PageReader(run_page(nothing)).text
    assert "the service did not start" in text
    assert "This scenario holds the service to no figure." in text


def everywhere_evil() -> RunResult:
    """Return a result in which every text is an attack."""
    result = bad()
    return replace(
        result,
        id=EVIL,
        scenario=EVIL,
        title=EVIL,
        reasons=[EVIL],
        gates=[replace(gate, title=EVIL, name=EVIL, source=EVIL) for gate in result.gates],
        phases=[Phase(name=EVIL, start_s=0, end_s=9)],
        events=[Event(at_s=4, what=EVIL)],
        errors=[ErrorCount(what=EVIL, count=1, first_at_s=0)],
        findings=[Finding(severity=EVIL, what=EVIL, evidence=EVIL, recommendation=EVIL)],
        tables=[Table(name=EVIL, title=EVIL, columns=[EVIL], rows=[[EVIL]])],
        samples=[Sample(at_s=1, values={EVIL: 1.0, f"{EVIL}.cpu_cores": 2.0})],
        metrics={EVIL: 1.0},
        files={EVIL: EVIL, "log": "javascript:alert(1)", "elsewhere": "https://example.com/x"},
        latencies={EVIL: result.latencies["submission"]},
        conditions=replace(
            result.conditions,
            scenario=EVIL,
            target=EVIL,
            revision=EVIL,
            machine={EVIL: EVIL, "fingerprint": EVIL},
            service={"url": EVIL, EVIL: [EVIL, {EVIL: EVIL}]},
            tools={EVIL: EVIL},
            options={EVIL: EVIL},
        ),
    )


def test_nothing_in_a_result_can_become_markup() -> None:
    page = run_page(everywhere_evil())
    reader = PageReader(page)
    assert reader.count("script") == 1
    assert reader.count("img") == 0
    assert not [name for _tag, told in reader.elements for name in told if name.startswith("on")]
    assert "<script>alert(1)</script>" in reader.text
    assert not set(page) & {"\x00", "\x1b"}


def test_links_lead_to_files_beside_the_page_only() -> None:
    links = PageReader(run_page(everywhere_evil())).values("href")
    assert {"result.json", "report.md", "junit.xml"} <= set(links)
    assert not [link for link in links if re.match(r"[a-z]+:|/", link)]
    assert not [link for link in links if "javascript" in link or "example.com" in link]


def test_a_file_is_linked_once() -> None:
    links = PageReader(run_page(replace(good(), files={"report": "report.md"}))).values("href")
    assert links.count("report.md") == 1


@pytest.mark.parametrize("result", all_examples(), ids=lambda result: result.id)
def test_the_page_loads_nothing(result: RunResult) -> None:
    page = run_page(result)
    reader = PageReader(page)
    assert not reader.values("src")
    assert not [tag for tag, _told in reader.elements if tag in {"link", "img", "iframe", "object"}]
    assert "url(" not in page
    assert "@import" not in page
    policy = next(value for value in reader.values("content") if "default-src" in value)
    assert policy.startswith("default-src 'none'")


def test_the_policy_lets_our_script_run_and_no_other() -> None:
    page = run_page(good())
    code = page.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_a_page_of_many_seconds_and_samples_stays_small() -> None:
    assert len(run_page(good(duration_s=7200))) < 2_000_000


def test_three_reports_are_written_and_no_draft_is_left(tmp_path: Path) -> None:
    written = write_reports(tmp_path, bad())
    assert {kind: path.name for kind, path in written.items()} == {
        "html": "report.html",
        "markdown": "report.md",
        "junit": "junit.xml",
    }
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.md", "junit.xml"}
    write_reports(tmp_path, replace(bad(), verdict=Verdict.PASS))
    assert "Every promise" in (tmp_path / "report.html").read_text(encoding="utf-8")
