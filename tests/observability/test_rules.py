"""The rules are what the targets say, valid, tested both ways, and each has its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sureshot.config import Settings
from sureshot.telemetry.histogram import LATENCY_EDGES_S
from sureshot_lab.observability.rules.__main__ import main
from sureshot_lab.observability.rules.line import BACKLOG_LIMIT
from sureshot_lab.targets import FILE, load_targets
from tests.observability.programs import run
from tests.observability.rule_files import (
    PROMETHEUS,
    RUNBOOKS,
    alerts_by_name,
    expectations,
    rules,
)

NAMES = sorted(alerts_by_name())
BESIDES = ("recording", "together")
"""Unit tests that are of no single alert."""
RULE_FILES = ("recording.yml", "alerts.yml")
VALUELESS = {
    "SureshotDown", "SureshotApiDown", "SureshotWorkersDown", "SureshotSchedulersDown",
    "SureshotProcessDown", "SureshotHeartbeatLost",
}  # fmt: skip
"""They tell that something is not there, not how much."""
OVER_ALL = re.compile(r"\b(?:sum|max|min|avg|count)\b(?!_)(?: by \(([^)]*)\))?")


def test_the_rule_files_are_current(tmp_path: Path) -> None:
    assert main(["--into", str(tmp_path)]) == 0
    for name in RULE_FILES:
        assert (tmp_path / name).read_text() == (PROMETHEUS / "rules" / name).read_text(), (
            f"{name} is stale; run: python -m sureshot_lab.observability.rules"
        )


def test_another_target_gives_another_alert(tmp_path: Path) -> None:
    targets = tmp_path / "targets.toml"
    targets.write_text(FILE.read_text().replace("alert = 5000", "alert = 1234"))
    assert main(["--into", str(tmp_path), "--targets", str(targets)]) == 0
    assert (
        'max by (job, namespace) (sureshot_queue_depth{job="sureshot"}) > 1234'
        in (tmp_path / "alerts.yml").read_text()
    )


def test_a_promise_of_lateness_is_alerted_on_as_the_targets_have_it(tmp_path: Path) -> None:
    targets = tmp_path / "targets.toml"
    text = FILE.read_text().replace("limit = 0.500", "limit = 2.5")
    targets.write_text(text.replace("end_to_end_p95_s", "end_to_end_p90_s"))
    assert main(["--into", str(tmp_path), "--targets", str(targets)]) == 0
    told = (tmp_path / "alerts.yml").read_text()
    assert "job:sureshot_deliveries_late:ratio_rate1h > 14.4 * 0.1\n" in told
    assert 'sureshot_end_to_end_seconds_bucket{job="sureshot",le="2.5"}' in told
    assert 'sureshot_queue_latency_seconds_bucket{job="sureshot",le="2.5"}' in told


def test_a_promise_without_a_percentile_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = tmp_path / "targets.toml"
    targets.write_text(FILE.read_text().replace("end_to_end_p95_s", "end_to_end_s"))
    assert main(["--into", str(tmp_path), "--targets", str(targets)]) == 3
    assert "delivery-latency has no percentile: end_to_end_s" in capsys.readouterr().err


def test_the_pages_may_be_elsewhere(tmp_path: Path) -> None:
    assert main(["--into", str(tmp_path), "--runbooks", "https://wiki.example.com/hooks/"]) == 0
    urls = re.findall(r"runbook_url: (\S+)", (tmp_path / "alerts.yml").read_text())
    assert f"https://wiki.example.com/hooks/{NAMES[0]}.md" in urls


def test_wrong_targets_are_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "targets.toml").write_text("[[target]]\n")
    assert main(["--into", str(tmp_path), "--targets", str(tmp_path / "targets.toml")]) == 3
    assert "targets.toml" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["rules/recording.yml", "rules/alerts.yml"])
def test_prometheus_takes_the_rules(file: str) -> None:
    checked = run("promtool", "check", "rules", PROMETHEUS / file)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("file", ["prometheus.yml", "local.yml"])
def test_prometheus_takes_the_configuration_and_finds_the_rules(file: str) -> None:
    checked = run("promtool", "check", "config", PROMETHEUS / file)
    assert checked.returncode == 0, checked.stderr
    assert "2 rule files found" in checked.stdout


def test_every_alert_has_unit_tests_and_nothing_else_has() -> None:
    tests = (PROMETHEUS / "tests").glob("*.yml")
    assert {path.stem for path in tests} == {*NAMES, *BESIDES}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, *BESIDES])
def test_every_unit_test_passes(name: str) -> None:
    ran = run("promtool", "test", "rules", PROMETHEUS / "tests" / f"{name}.yml")
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_is_tested_both_ways(name: str) -> None:
    points = expectations(name)
    assert [] in points, "never expected to be silent"
    fired = {alert["exp_labels"]["severity"] for point in points for alert in point}
    assert fired == {rule["labels"]["severity"] for rule in alerts_by_name()[name]}


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_says_who_hears_it_and_where_to_read_on(name: str) -> None:
    page = RUNBOOKS / f"{name}.md"
    assert page.read_text().startswith(f"# {name}\n")
    for rule in alerts_by_name()[name]:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        notes = rule["annotations"]
        assert notes["runbook_url"] == f"docs/runbooks/{name}.md"
        assert notes["summary"]
        assert "$value" in notes["description"] or name in VALUELESS


def test_every_page_is_of_an_alert() -> None:
    pages = {path.stem for path in RUNBOOKS.glob("*.md")}
    assert pages - {"README"} == set(NAMES)


def test_every_resource_of_the_targets_alerts_at_its_alert_column() -> None:
    expressions = [rule["expr"] for rules in alerts_by_name().values() for rule in rules]
    for resource in load_targets().resource:
        assert any(text.endswith(f"> {resource.alert:.12g}") for text in expressions), resource.name


def test_the_limits_that_rules_repeat_are_the_services() -> None:
    assert Settings().backlog_limit == BACKLOG_LIMIT
    # What is slow is told apart at an edge of the histogram, or not at all.
    for name in ("api-latency", "delivery-latency", "queue-latency"):
        assert load_targets().gate(name).limit in LATENCY_EDGES_S


@pytest.mark.parametrize("file", RULE_FILES)
def test_two_deployments_in_a_cluster_are_never_added_up(file: str) -> None:
    for rule in rules(file):
        for labels in OVER_ALL.findall(rule["expr"]):
            assert {"job", "namespace"} <= set(labels.split(", ")), rule["expr"]
        for labels in re.findall(r"\bon \(([^)]*)\) (?!absent)", rule["expr"]):
            assert {"job", "namespace"} <= set(labels.split(", ")), rule["expr"]
