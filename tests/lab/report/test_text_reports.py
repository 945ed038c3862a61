"""``report.md`` and ``junit.xml``: the same figures, for people's texts and for machines."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from sureshot_lab.report.figures import measured
from sureshot_lab.report.junit import junit
from sureshot_lab.report.markdown import markdown, plain
from sureshot_lab.result import RunResult, Verdict
from tests.lab.report.examples import all_examples, bad, breakpoint_search, good, invalid


@pytest.mark.parametrize("result", all_examples(), ids=lambda result: result.id)
def test_the_text_has_verdict_gates_reasons_and_findings(result: RunResult) -> None:
    text = markdown(result)
    assert f"**{result.verdict.value}.**" in text
    for reason in result.reasons:
        assert plain(reason) in text
    for gate in result.gates:
        assert plain(gate.title) in text
        assert measured(gate) in text
    for finding in result.findings:
        assert plain(finding.evidence) in text
        assert plain(finding.recommendation) in text


def test_a_row_of_the_text_is_a_row_of_the_table() -> None:
    text = markdown(bad())
    row = next(line for line in text.splitlines() if line.startswith("| API request latency"))
    assert "| FAIL | 183 ms | &lt; 100 ms | misses by 83 % | specification |" in row


def test_tables_keep_their_columns_whatever_is_in_a_cell() -> None:
    evil = replace(bad(), title="a\n# b", reasons=["x | y", "<script>", "*bold* _it_ [a](b)"])
    evil = replace(evil, gates=[replace(evil.gates[0], title="a | b\nc")])
    lines = markdown(evil).splitlines()
    assert lines[0] == "# a # b"
    assert "- x \\| y" in lines
    assert "- &lt;script>" in lines
    assert "- \\*bold\\* \\_it\\_ \\[a\\](b)" in lines
    row = next(line for line in lines if line.startswith("| a \\| b c |"))
    assert row.replace("\\|", "").count("|") == 8


def test_a_partial_run_says_so_in_the_text() -> None:
    assert "> This run was stopped early" in markdown(invalid())
    assert "stopped early" not in markdown(good())


def test_a_scenarios_table_is_in_the_text() -> None:
    text = markdown(breakpoint_search())
    assert "## Steps of the search" in text
    assert (
        "| 1 | 16,000 | 9,375 | 8,850 | 1,578 | 4,572 | 53 | submission p99 over 100 ms |" in text
    )


def suite_of(result: RunResult) -> ET.Element:
    root = ET.fromstring(junit(result))
    suite = root.find("testsuite")
    assert suite is not None
    return suite


def counts(suite: ET.Element) -> dict[str, int]:
    return {key: int(suite.get(key, "-1")) for key in ("tests", "failures", "errors", "skipped")}


def test_each_gate_is_a_test_case_and_a_missed_one_a_failure() -> None:
    suite = suite_of(bad())
    assert counts(suite) == {"tests": 12, "failures": 7, "errors": 0, "skipped": 0}
    assert [case.get("name") for case in suite.findall("testcase")] == [
        gate.name for gate in bad().gates
    ]
    failure = suite.find("testcase[@name='api-latency']/failure")
    assert failure is not None
    told = failure.get("message", "")
    assert "measured 183 ms" in told
    assert "limit < 100 ms" in told


def test_a_good_run_is_green() -> None:
    assert counts(suite_of(good())) == {"tests": 10, "failures": 0, "errors": 0, "skipped": 0}


def test_every_gate_of_an_invalid_run_is_an_error() -> None:
    suite = suite_of(invalid())
    assert counts(suite) == {"tests": 10, "failures": 0, "errors": 10, "skipped": 0}
    error = suite.find("testcase/error")
    assert error is not None
    assert error.get("type") == "INVALID"
    assert "host steal was 31 %" in (error.text or "")


def test_an_invalid_run_without_gates_is_an_error_still() -> None:
    suite = suite_of(replace(invalid(), gates=[]))
    assert counts(suite) == {"tests": 1, "failures": 0, "errors": 1, "skipped": 0}


def test_a_failure_that_no_gate_shows_is_a_test_case_of_its_own() -> None:
    result = replace(good(), verdict=Verdict.FAIL, reasons=["3 calls were answered wrongly"])
    suite = suite_of(result)
    assert counts(suite) == {"tests": 11, "failures": 1, "errors": 0, "skipped": 0}
    failure = suite.find("testcase[@name='verdict']/failure")
    assert failure is not None
    assert failure.get("message") == "3 calls were answered wrongly"


def test_a_gate_that_was_not_measured_is_skipped_and_not_passed() -> None:
    result = good()
    gates = [replace(result.gates[0], value=None, passed=None), *result.gates[1:]]
    suite = suite_of(replace(result, gates=gates))
    assert counts(suite) == {"tests": 10, "failures": 0, "errors": 0, "skipped": 1}


def test_the_file_is_well_formed_whatever_is_in_the_result() -> None:
    evil = '"><a>&\x00\x1b]]>'
    result = replace(bad(), scenario=evil, reasons=[evil])
    gates = [replace(gate, name=evil, title=evil) for gate in result.gates]
    suite = suite_of(replace(result, gates=gates, verdict=Verdict.INVALID))
    assert '"><a>&' in (suite.findall("testcase")[0].get("name") or "")
