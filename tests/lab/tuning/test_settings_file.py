"""The file that is written: the service reads it, and nobody's own file is written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.tuning.judgement import Judgement, Outcome
from sureshot_lab.tuning.outcome import Tuning, read_tuning, write_tuning
from sureshot_lab.tuning.settings_file import refuse_foreign, write_settings
from sureshot_lab.tuning.space import Point
from tests.cli.command import HereRuns
from tests.lab.tuning.results import AT, IN_FLIGHT, SPACE, a_trial


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> HereRuns:
    return HereRuns(tmp_path, monkeypatch, capsys)


def _tuning(changes: Point, profile: str = "embedded", start: str = "the defaults") -> Tuning:
    return Tuning(
        id="20260102-030405-tune-load-1a2b", scenario="load", objective="cpu",
        metric="service_cpu_us_per_webhook", seed=1, started_at=AT, finished_at=AT,
        conditions={"profile": profile, "seconds": 8.0, "peak_per_s": 500.0, "repeats": 6,
                    "settings": {"lease_s": 30}, "api": 1, "workers": 1},
        space=[], trials=[a_trial(0, SPACE.start, 100.0)], candidate=0, changes=changes,
        judgement=Judgement(outcome=Outcome.BETTER, says="the candidate is better: x -20.0 %"),
        start_name=start,
    )  # fmt: skip


def test_the_service_reads_what_was_written(tmp_path: Path, here: HereRuns) -> None:
    write_settings(tmp_path / "sureshot.toml", _tuning({IN_FLIGHT: 500}))
    ran = here("config", "--json")
    assert ran.code == 0, ran.err
    told = {row["name"]: row for row in ran.json}
    assert told["max_in_flight"]["value"] == "500"
    assert told["max_in_flight"]["origin"] == "sureshot.toml"
    assert {row["origin"] for name, row in told.items() if name != "max_in_flight"} == {"default"}


def test_it_says_how_it_was_found_and_how_many_processes_to_start(tmp_path: Path) -> None:
    changes = {IN_FLIGHT: 500, "service.workers": 3}
    text = write_settings(tmp_path / "a.toml", _tuning(changes, "cluster")).read_text()
    assert "load, objective cpu" in text
    assert "the candidate is better" in text
    assert "20260102-030405-tune-load-1a2b" in text
    assert "# Start with: sureshot up --api 1 --workers 3" in text
    assert "besides: lease_s = 30" in text
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "max_in_flight = 500"
    ]


def test_what_was_begun_at_is_named_and_its_own_value_is_not_told_besides(tmp_path: Path) -> None:
    tuning = _tuning({IN_FLIGHT: 500}, start="ours.toml")
    tuning.conditions["settings"]["max_in_flight"] = "30"
    text = write_settings(tmp_path / "a.toml", tuning).read_text()
    assert "# These take the place of the same settings of ours.toml." in text
    assert "besides: lease_s = 30\n" in text


def test_a_file_of_somebody_elses_is_refused_and_our_own_is_written_anew(tmp_path: Path) -> None:
    own = write_settings(tmp_path / "tuned.toml", _tuning({IN_FLIGHT: 500}))
    refuse_foreign(own)
    refuse_foreign(tmp_path / "new.toml")
    foreign = tmp_path / "sureshot.toml"
    foreign.write_text('secret_key = "..."\n')
    with pytest.raises(LabError, match="was not written by `sureshot lab tune`"):
        refuse_foreign(foreign)
    with pytest.raises(LabError, match="there is no folder"):
        refuse_foreign(tmp_path / "nowhere" / "tuned.toml")


def test_a_tuning_is_read_as_it_was_written(tmp_path: Path) -> None:
    tuning = _tuning({IN_FLIGHT: 500})
    write_tuning(tmp_path, tuning)
    assert read_tuning(tmp_path) == tuning
