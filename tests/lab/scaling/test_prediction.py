"""The look ahead: accuracy against forecasts that need no model, and how long capacity lasts."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from sureshot_lab.cli.app import app
from sureshot_lab.errors import LabError
from sureshot_lab.scaling.backtest import Accuracy, backtest
from sureshot_lab.scaling.headroom import daily_peaks, headroom
from sureshot_lab.scaling.prediction import look_ahead
from sureshot_lab.scaling.series import Series
from sureshot_lab.scaling.shapes import DAY, SHAPES, WEEK, bursty, daily, weekly

HOUR_S = 3600.0


def by_method(found: list[Accuracy]) -> dict[str, Accuracy]:
    return {one.method: one for one in found}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_on_days_it_beats_both_and_its_intervals_hold(seed: int) -> None:
    found = by_method(backtest(daily(seed).values, (DAY,), DAY))
    ours = found["Holt-Winters"]
    assert ours.mase < found["seasonal naive"].mase < found["naive"].mase
    assert ours.covered is not None
    assert 0.85 <= ours.covered <= 1


@pytest.mark.slow
def test_on_weeks_it_beats_both_and_its_intervals_hold() -> None:
    found = by_method(backtest(weekly(1).values, (DAY, WEEK), DAY))
    ours = found["Holt-Winters"]
    assert ours.mase < 0.9 * found["seasonal naive"].mase
    assert ours.covered is not None
    assert 0.88 <= ours.covered <= 1


@pytest.mark.slow
def test_bursts_nobody_can_foresee_and_it_does_not_pretend_to() -> None:
    # Repeating the calm level is hard to beat: what counts is that it is not much worse,
    # and that its intervals say how little it knows.
    mases = [by_method(backtest(bursty(seed).values, (DAY,), DAY)) for seed in (1, 2, 3)]
    ours = sum(one["Holt-Winters"].mase for one in mases)
    assert ours < 1.3 * sum(one["naive"].mase for one in mases)
    assert all((one["Holt-Winters"].covered or 0) > 0.85 for one in mases)


def test_mase_and_mape_by_hand() -> None:
    # A period of 2, repeated with growth: the last season misses each value by 1.
    values = [10.0 + n // 2 if n % 2 else 20.0 + n // 2 for n in range(40)]
    found = by_method(backtest(values, (2,), 2, origins=1))
    assert found["seasonal naive"].mase == pytest.approx(1.0)
    # From the 38th on 39 and 29 come; the last value was 28.
    assert found["naive"].mase == pytest.approx(6.0)
    assert found["naive"].mape == pytest.approx((11 / 39 + 1 / 29) / 2)


def test_too_short_a_series_says_what_is_needed() -> None:
    with pytest.raises(LabError, match="72 are needed"):
        backtest(daily().values[:50], (DAY,), DAY)


def test_equal_seeds_give_equal_shapes() -> None:
    for make, _periods in SHAPES.values():
        assert make(5).values == make(5).values != make(6).values


def growing(days: int, per_day: float, start: float = 100.0) -> Series:
    """Return hours whose peak at noon grows by so much a day."""
    values = [
        (start + per_day * (hour // 24)) * (1.0 if hour % 24 == 12 else 0.4)
        for hour in range(24 * days)
    ]
    return Series(1_699_999_200.0, HOUR_S, values)


def test_headroom_is_the_peak_s_way_to_capacity() -> None:
    room = headroom(growing(20, 5.0), 300.0)
    assert room.peak == pytest.approx(195)
    assert room.growth_per_day == pytest.approx(5)
    assert room.days == pytest.approx(21)
    assert room.soonest_days <= room.days <= room.latest_days


def test_what_does_not_grow_lasts_and_what_is_full_is_full() -> None:
    assert math.isinf(headroom(growing(20, 0.0), 300.0).days)
    assert math.isinf(headroom(growing(20, -2.0), 300.0).days)
    assert headroom(growing(20, 5.0), 150.0).days == 0


def test_a_part_of_a_day_is_no_day_and_four_are_needed() -> None:
    series = growing(5, 5.0)
    short = Series(series.start_s, HOUR_S, series.values[-24 * 4 - 7 :])
    assert daily_peaks(short) == daily_peaks(series)[1:]
    with pytest.raises(LabError, match="needs 4 or more"):
        headroom(growing(3, 1.0), 300)
    with pytest.raises(LabError, match="is none"):
        headroom(growing(9, 1.0), 0)


def test_the_outlook_speaks_of_the_calendar_and_of_capacity() -> None:
    outlook = look_ahead(growing(20, 5.0), [86_400.0], 86_400.0, 300.0)
    assert outlook.season_s == 86_400
    assert len(outlook.rows) == 24
    assert outlook.rows[0].when == "2023-12-04 22:00"
    peak = max(outlook.rows, key=lambda row: row.value)
    assert peak.value == pytest.approx(200, rel=0.05)
    assert "Capacity lasts for 21 days" in " ".join(outlook.headroom_says)


def test_a_long_horizon_is_told_in_24_rows_none_below_nothing() -> None:
    outlook = look_ahead(daily(), [86_400.0], 7 * 86_400.0)
    assert len(outlook.rows) == 24
    assert all(0 <= row.low <= row.value <= row.high for row in outlook.rows)


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, str(result.exception or "")


@pytest.fixture
def growing_file(tmp_path: Path) -> str:
    series = growing(20, 5.0)
    lines = [f"{series.start_s + n * HOUR_S:.0f},{v}" for n, v in enumerate(series.values)]
    path = tmp_path / "requests.csv"
    path.write_text("time,value\n" + "\n".join(lines))
    return str(path)


@pytest.mark.slow
def test_the_command_prints_the_forecast_and_the_days_that_are_left(growing_file: str) -> None:
    code, out, _error = run("forecast", growing_file, "--capacity", "300", "--backtest")
    assert code == 0
    assert "Season: 1 d" in out
    assert "Capacity lasts for 21 days" in out
    assert "seasonal naive" in out


def test_the_command_prints_json(growing_file: str) -> None:
    code, out, _error = run("forecast", growing_file, "--capacity", "1e9", "--json")
    told = msgspec.json.decode(out)
    assert code == 0
    assert told["season_s"] == 86_400
    assert len(told["rows"]) == 24


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give a file"),
        (("nowhere.csv",), "cannot be read"),
        (("nowhere.csv", "--horizon", "soon"), "cannot be read"),
    ],
)
def test_wrong_usage_is_a_sentence(arguments: tuple[str, ...], says: str) -> None:
    code, _out, error = run("forecast", *arguments)
    assert code != 0
    assert says in error


def test_a_duration_that_is_none_is_a_sentence(growing_file: str) -> None:
    for wrong in ("soon", "0d", "5", "-1d"):
        code, _out, error = run("forecast", growing_file, f"--horizon={wrong}")
        assert code != 0
        assert "is no duration" in error


def test_policies_are_compared_in_a_table_and_as_json() -> None:
    code, out, _error = run("autoscale", "--trace", "spike", "--seeds", "1")
    assert code == 0
    for policy in ("HPA on CPU", "KEDA on depth", "Sureshot", "Sureshot by KEDA"):
        assert policy in out
    assert "Sureshot against HPA on CPU" in out
    code, out, _error = run("autoscale", "--trace", "spike", "--seeds", "1", "--json")
    told = msgspec.json.decode(out)
    assert code == 0
    assert {one["policy"] for one in told["policies"]} >= {"HPA on CPU", "Sureshot"}
    assert told["says"]
