"""What is searched: settings there are, within their bounds, and not what the user told."""

from __future__ import annotations

from pathlib import Path

import pytest

from sureshot.config import KNOBS, Settings, check_value
from sureshot_lab.errors import LabError
from sureshot_lab.scenario import load_scenario
from sureshot_lab.tuning.beginning import OF_A_RUN, Beginning, beginning
from sureshot_lab.tuning.space import KNOWN, SETTINGS, Space, in_words, space_of

DEFAULTS = {
    one.setting: str(getattr(Settings(), one.setting)) for one in KNOWN if one.setting is not None
}
BEGIN = Beginning(DEFAULTS, {})


def _space(**told: object) -> Space:
    changes = {name.replace("__", "."): value for name, value in told.items()}
    return space_of(load_scenario("smoke", changes=changes), changes, BEGIN)


def _names(space: Space) -> set[str]:
    return {one.title for one in space.dimensions}


def test_every_value_is_one_the_service_accepts() -> None:
    for one in KNOWN:
        if one.setting is None:
            continue
        for value in one.values:
            check_value(one.setting, value)
        assert getattr(Settings(), one.setting) in one.values, one.name


def test_the_build_itself_is_asked_for_its_defaults_whatever_lies_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sureshot.toml").write_text("max_in_flight = 7\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SURESHOT_QUEUE_LIMIT", "8")
    found = beginning()
    assert {name: found.settings[name] for name in DEFAULTS} == DEFAULTS
    assert (found.told, found.name) == ({}, "the defaults")
    with pytest.raises(LabError, match="does not tell the settings"):
        beginning("/nowhere/python")


def test_no_secret_of_a_file_is_told_to_a_run() -> None:
    assert {name for name, knob in KNOBS.items() if knob.secret} <= OF_A_RUN <= set(KNOBS)


def test_a_file_is_begun_at_but_for_where_a_service_lives_and_its_secrets(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(
        'max_in_flight = 30\ntimeout_s = 5\nport = 9000\napi_token = "a-secret"\n'
        'database_url = "postgresql://u:p@db/hooks"\n'
    )
    found = beginning(file=file)
    assert found.told == {"max_in_flight": "30", "timeout_s": "5"}
    assert found.name == "ours.toml"
    space = space_of(load_scenario("smoke"), {}, found)
    assert space.start[f"{SETTINGS}max_in_flight"] == 30
    assert in_words(space, space.start) == "ours.toml"
    file.write_text("max_in_fligth = 30\n")
    with pytest.raises(LabError, match="did you mean max_in_flight"):
        beginning(file=file)
    with pytest.raises(LabError, match="there is no such file"):
        beginning(file=tmp_path / "nowhere.toml")


def test_a_profile_has_its_knobs() -> None:
    embedded, postgres, cluster = (
        _names(_space(service__profile=profile)) for profile in ("embedded", "postgres", "cluster")
    )
    assert "max_in_flight" in embedded & postgres & cluster
    assert not {"database_pool", "workers", "api"} & embedded
    assert {"database_pool", "workers"} <= postgres
    assert cluster - postgres == {"api"}


def test_it_begins_at_the_defaults_and_a_default_of_its_own_is_among_the_values() -> None:
    odd = Beginning({**DEFAULTS, "max_in_flight": "300"}, {})
    space = space_of(load_scenario("smoke"), {}, odd)
    in_flight = next(one for one in space.dimensions if one.title == "max_in_flight")
    assert space.start[in_flight.name] == 300
    assert in_flight.values[2:5] == (250, 300, 500)
    assert in_words(space, space.start) == "the defaults"
    assert in_words(space, {**space.start, in_flight.name: 500}) == "max_in_flight 500"


def test_what_is_told_is_not_searched() -> None:
    told = _space(service__settings__queue_limit=4000)
    assert "queue_limit" not in _names(told)
    assert "queue_limit" in _names(_space())
    scenario = load_scenario("stress")
    assert "intake_limit" not in _names(space_of(scenario, {}, BEGIN))
    everything = {f"{SETTINGS}{name}": 10 for name in DEFAULTS}
    with pytest.raises(LabError, match="nothing is left to tune"):
        space_of(load_scenario("smoke"), everything, BEGIN)
