"""Every threshold is held by a unit test: changed a little, one of them fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.observability.mutants import changed_alerts, windows_halved
from tests.observability.programs import run
from tests.observability.rule_files import PROMETHEUS, Document, alerts_by_name, rules

AT_ONCE = 2


def _unit_test(folder: Path, rules_file: str, changed: Sequence[Document], test: str) -> str:
    """Run the unit tests in *test* with *changed* for the real rules; return what failed."""
    (folder / "rules").mkdir(parents=True)
    (folder / "tests").mkdir()
    groups = {"groups": [{"name": "changed", "rules": list(changed)}]}
    (folder / "rules" / rules_file).write_text(yaml.safe_dump(groups))
    target = folder / "tests" / test
    target.write_text((PROMETHEUS / "tests" / test).read_text())
    ran = run("promtool", "test", "rules", target)
    said = ran.stdout + ran.stderr
    # It must be an expectation that fails, not a changed rule that cannot be read.
    assert ran.returncode == 0 or "got:" in said, said
    return "" if ran.returncode == 0 else said


@pytest.mark.parametrize("name", sorted(alerts_by_name()))
def test_a_changed_threshold_fails_a_unit_test(name: str, tmp_path: Path) -> None:
    originals = alerts_by_name()[name]
    mutants = [
        (f"{place}: {what}", [*originals[:place], changed, *originals[place + 1 :]])
        for place, original in enumerate(originals)
        for what, changed in changed_alerts(original)
    ]
    assert len(mutants) >= 2 * len(originals)

    def survivor(number: int) -> str:
        what, changed = mutants[number]
        folder = tmp_path / str(number)
        return "" if _unit_test(folder, "alerts.yml", changed, f"{name}.yml") else what

    with ThreadPoolExecutor(AT_ONCE) as pool:
        survivors = [what for what in pool.map(survivor, range(len(mutants))) if what]
    assert survivors == []


EDGE = re.compile(r'le="([0-9.]+)"')
NEXT_EDGE = {"0.01": "0.025", "0.1": "0.25", "0.5": "1"}
CHANGES: dict[str, Callable[[str], str]] = {
    "half the window": windows_halved,
    "another state": lambda text: text.replace('status="failed"', 'status="cancelled"'),
    "another set of states": lambda text: text.replace("delivered|failed", "delivered"),
    "another class of statuses": lambda text: text.replace('status=~"5.."', 'status=~"[45].."'),
    "every method": lambda text: text.replace('method="POST",', ""),
    "another edge": lambda text: EDGE.sub(lambda edge: f'le="{NEXT_EDGE[edge[1]]}"', text),
    "another route": lambda text: text.replace("/api/v1/webhooks|", "/api/v1/webhooks.*|"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_changed_recording_fails_its_unit_test(change: str, tmp_path: Path) -> None:
    originals = rules("recording.yml")
    changed = [{**rule, "expr": CHANGES[change](rule["expr"])} for rule in originals]
    names = {
        rule["record"] for rule, other in zip(originals, changed, strict=True) if rule != other
    }
    assert names
    said = _unit_test(tmp_path, "recording.yml", changed, "recording.yml")
    assert {name for name in names if f"({name} " in said} == names


def test_the_unchanged_rules_pass_where_the_changed_ones_fail(tmp_path: Path) -> None:
    name, originals = next(iter(alerts_by_name().items()))
    assert _unit_test(tmp_path / "alert", "alerts.yml", originals, f"{name}.yml") == ""
    recordings = rules("recording.yml")
    assert _unit_test(tmp_path / "recording", "recording.yml", recordings, "recording.yml") == ""
