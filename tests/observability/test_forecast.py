"""The capacity dashboard's look ahead: daily and weekly cycles are no growth, and growth is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.observability.expressions import dashboards, filled, panels
from tests.observability.programs import run

RECORDED = 'job:sureshot_webhooks_accepted:rate5m{job="sureshot"}'
DAYS = 23
TIMES_OF_DAY = ("22d", "22d6h", "22d12h", "22d18h")
Load = Callable[[float], float]
"""Webhooks a second by the day, 2.25 being six in the morning of the third."""


def _forecast() -> str:
    """Return the expression of the panel's first line, as for everything."""
    (panel,) = (
        one
        for one in panels(dashboards()["capacity.json"])
        if one["title"] == "Highest rate in a week"
    )
    return filled(panel["targets"][0]["expr"])


def _steady(day: float) -> float:
    return 100 - 80 * math.cos(2 * math.pi * day)


def _working_week(day: float) -> float:
    return _steady(day) * (0.4 if int(day) % 7 >= 5 else 1.0)


def _growing(day: float) -> float:
    """A tenth more every week."""
    return _steady(day) * math.pow(1.1, day / 7)


def _said(
    tmp_path: Path, load: Load, first_day: int, at: str, lowest: float, highest: float
) -> str:
    """Return what promtool finds wrong with a forecast of *lowest* to *highest*."""
    hours = range(24 * DAYS)
    values = (load(hour / 24) if hour >= 24 * first_day else None for hour in hours)
    told = " ".join("_" if value is None else f"{value:.4f}" for value in values)
    expected = {"labels": '{job="sureshot"}', "value": 1}
    bound = f"({_forecast()}) >= bool {lowest} and ({_forecast()}) <= {highest}"
    test = {
        "interval": "1h",
        "input_series": [{"series": RECORDED, "values": told}],
        "promql_expr_test": [{"expr": bound, "eval_time": at, "exp_samples": [expected]}],
    }
    file = tmp_path / "forecast.yml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "6h", "tests": [test]}))
    ran = run("promtool", "test", "rules", file)
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


@pytest.mark.parametrize("at", TIMES_OF_DAY)
@pytest.mark.parametrize("load", [_steady, _working_week])
def test_a_load_that_repeats_itself_stays_where_it_is(load: Load, at: str, tmp_path: Path) -> None:
    assert _said(tmp_path, load, 0, at, 0.99 * 180, 1.01 * 180) == ""


@pytest.mark.parametrize("at", TIMES_OF_DAY)
def test_a_load_that_grows_goes_on_growing(at: str, tmp_path: Path) -> None:
    # The peak of the last noon, or of this one, and a tenth.
    last = 180 * 1.1 ** (21.5 / 7)
    assert _said(tmp_path, _growing, 0, at, 1.09 * last, 1.13 * last) == ""


@pytest.mark.parametrize("first_day", [10, 22])
def test_before_there_are_two_weeks_nothing_is_extrapolated(first_day: int, tmp_path: Path) -> None:
    highest = _growing(21.5) if first_day < 22 else _growing(22.25)
    assert _said(tmp_path, _growing, first_day, "22d6h", 0.99 * highest, 1.01 * highest) == ""
