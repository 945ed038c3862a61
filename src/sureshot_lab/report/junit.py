"""``junit.xml``: a test case for each gate, so that continuous integration shows them.

The file is red exactly when the verdict is not PASS or a gate was missed.
"""

from __future__ import annotations

from datetime import UTC
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sureshot_lab.report.markup import clean
from sureshot_lab.report.verdicts import MEANINGS, GateRow, Status, gate_rows
from sureshot_lab.result import RunResult, Verdict

FILE = "junit.xml"


def junit(result: RunResult) -> bytes:
    """Return the file. Every gate of an INVALID run is an error: none of its figures counts."""
    told = result.conditions
    lasted_s = (told.finished_at - told.started_at).total_seconds()
    suite = Element("testsuite", name=clean(f"sureshot lab {result.scenario} ({told.size})"))
    rows = gate_rows(result)
    for row in rows:
        _case(suite, result, row)
    if _needs_verdict(result, rows):
        _verdict_case(suite, result)
    counts = {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }
    for key, count in counts.items():
        suite.set(key, str(count))
    suite.set("time", f"{lasted_s:.3f}")
    suite.set("timestamp", f"{told.started_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}")
    suite.insert(0, _properties(result))
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _case(suite: Element, result: RunResult, row: GateRow) -> None:
    case = SubElement(
        suite, "testcase", classname=clean(f"sureshot.lab.{result.scenario}"), name=clean(row.name)
    )
    message = f"{row.title}: measured {row.measured}, limit {row.limit}"
    if result.verdict is Verdict.INVALID:
        _add(case, "error", f"{MEANINGS[Verdict.INVALID]} {message}", result.reasons, "INVALID")
    elif row.status is Status.FAIL:
        _add(case, "failure", f"{message}, {row.margin}", [f"where: {row.where}"], "limit")
    elif row.status is Status.NOT_MEASURED:
        SubElement(case, "skipped", message=clean(f"{row.title}: not measured in this run"))
    else:
        SubElement(case, "system-out").text = clean(f"{message}, {row.margin}")


def _needs_verdict(result: RunResult, rows: list[GateRow]) -> bool:
    """Whether the verdict is worse than the gates alone would show."""
    if result.verdict is Verdict.INVALID:
        return not rows
    failed = any(row.status is Status.FAIL for row in rows)
    return result.verdict is Verdict.FAIL and not failed


def _verdict_case(suite: Element, result: RunResult) -> None:
    case = SubElement(
        suite, "testcase", classname=clean(f"sureshot.lab.{result.scenario}"), name="verdict"
    )
    kind = "error" if result.verdict is Verdict.INVALID else "failure"
    reason = "; ".join(result.reasons) or MEANINGS[result.verdict]
    _add(case, kind, reason, result.reasons, result.verdict.value)


def _add(case: Element, kind: str, message: str, lines: list[str], why: str) -> None:
    child = SubElement(case, kind, message=clean(message), type=why)
    child.text = clean("\n".join(lines))


def _properties(result: RunResult) -> Element:
    told = result.conditions
    properties = Element("properties")
    for name, value in (
        ("run", result.id),
        ("verdict", result.verdict.value),
        ("revision", told.revision),
        ("fingerprint", str(told.machine.get("fingerprint", ""))),
        ("seed", str(told.seed)),
    ):
        SubElement(properties, "property", name=name, value=clean(value))
    return properties
