"""The dashboards are what the code draws, and nothing in them is left to Grafana's guess."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from sureshot_lab.observability.dashboards.__main__ import main
from sureshot_lab.targets import FILE, load_targets
from tests.observability.expressions import GRAFANA, dashboards, of_dashboards, panels

BOARDS = dashboards()
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
EVERY_BOARD = pytest.mark.parametrize("name", BOARDS)


def test_the_dashboards_are_current(tmp_path: Path) -> None:
    assert main(["--into", str(tmp_path)]) == 0
    drawn = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    assert drawn.keys() == BOARDS.keys()
    for name, text in drawn.items():
        assert text == (GRAFANA / name).read_text(), (
            f"{name} is stale; run: python -m sureshot_lab.observability.dashboards"
        )


def test_every_line_is_drawn_from_the_targets(tmp_path: Path) -> None:
    targets = tmp_path / "targets.toml"
    targets.write_text(FILE.read_text().replace("alert = 996147200", "alert = 996147201"))
    assert main(["--into", str(tmp_path), "--targets", str(targets)]) == 0
    assert "996147201" in (tmp_path / "resources.json").read_text()


def test_wrong_targets_are_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--into", str(tmp_path), "--targets", str(tmp_path / "absent.toml")]) == 3
    assert "absent.toml" in capsys.readouterr().err


def test_every_dashboard_has_an_address_of_its_own() -> None:
    for key in ("uid", "title"):
        values = [board[key] for board in BOARDS.values()]
        assert all(values)
        assert len(set(values)) == len(values)
    assert all(len(board["uid"]) <= 40 for board in BOARDS.values())


@EVERY_BOARD
def test_every_panel_says_what_it_shows_in_which_unit(name: str) -> None:
    ids = [panel["id"] for panel in BOARDS[name]["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in panels(BOARDS[name]):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == SOURCE, panel["title"]


@EVERY_BOARD
def test_every_query_is_named_and_goes_to_the_chosen_source(name: str) -> None:
    for panel in panels(BOARDS[name]):
        assert panel["targets"], panel["title"]
        ids = [target["refId"] for target in panel["targets"]]
        assert len(set(ids)) == len(ids)
        for target in panel["targets"]:
            assert target["refId"]
            assert target["datasource"] == SOURCE
            assert target["legendFormat"] or panel["type"] == "table", panel["title"]


@EVERY_BOARD
def test_no_panel_lies_on_another_or_beside_the_grid(name: str) -> None:
    places = {panel["id"]: panel["gridPos"] for panel in BOARDS[name]["panels"]}
    for place in places.values():
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= COLUMNS
    for one, other in combinations(places.values(), 2):
        assert not set(_cells(one)) & set(_cells(other)), (one, other)


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y


@EVERY_BOARD
def test_the_source_is_a_choice_and_every_variable_is_used(name: str) -> None:
    variables = {each["name"]: each for each in BOARDS[name]["templating"]["list"]}
    assert variables["datasource"]["query"] == "prometheus"
    asked = str([panel.get("targets") for panel in BOARDS[name]["panels"]])
    for variable in variables.keys() - {"datasource"}:
        assert f"${variable}" in asked, variable
        assert variables[variable]["datasource"] == SOURCE


@EVERY_BOARD
def test_a_rate_of_a_counter_follows_the_zoom(name: str) -> None:
    for panel in panels(BOARDS[name]):
        for target in panel["targets"]:
            for part in target["expr"].split("rate(")[1:]:
                assert "[$__rate_interval]" in part.split(")")[0], target["expr"]


def _steps(panel: Any) -> list[float]:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps[0]["value"] is None
    return [step["value"] for step in steps[1:]]


def test_each_resource_has_its_three_lines() -> None:
    drawn = [(panel["title"], _steps(panel)) for panel in panels(BOARDS["resources.json"])[:8]]
    for resource in load_targets().resource:
        lines = [resource.target, resource.alert, resource.limit]
        assert drawn.count((resource.title, lines)) == 2, resource.title


def test_thresholds_grow_as_grafana_wants_them() -> None:
    for board in BOARDS.values():
        for panel in panels(board):
            if "thresholds" in panel["fieldConfig"]["defaults"]:
                assert _steps(panel) == sorted(_steps(panel)), panel["title"]


def test_the_promised_figures_stand_first() -> None:
    first = panels(BOARDS["performance-dashboard.json"])[:6]
    limits = {limit for panel in first for limit in _steps(panel)}
    names = ("throughput", "queue-latency", "delivery-latency", "api-latency", "success-rate")
    assert limits == {load_targets().gate(name).limit for name in names}


def test_provisioning_finds_the_source_the_dashboards_begin_with() -> None:
    folder = GRAFANA / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())
    uids = {source["uid"] for source in sources["datasources"]}
    for board in BOARDS.values():
        assert board["templating"]["list"][0]["current"]["value"] in uids
    (provider,) = yaml.safe_load((folder / "dashboards" / "sureshot.yml").read_text())["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"


def test_there_is_something_to_verify() -> None:
    assert len(BOARDS) == 6
    assert len(of_dashboards()) > 100
