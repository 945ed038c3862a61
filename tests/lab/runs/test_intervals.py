"""Every percentile that a run tells comes with the interval it lies in."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from msgspec.structs import replace

from sureshot_lab.report.markdown import markdown
from sureshot_lab.report.run_page import run_page
from sureshot_lab.result import read_result, write_result
from sureshot_lab.runs.measure import bounded_latency_of
from sureshot_lab.runs.routes import RouteTimes
from tests.lab.report.examples import good
from tests.lab.report.page_reader import PageReader


def histogram(count: int) -> HdrHistogram:
    rng = random.Random(7)
    found = HdrHistogram(1, 3_600_000_000, 3)
    for _ in range(count):
        found.record_value(int(rng.lognormvariate(8, 0.5)))
    return found


def test_percentiles_lie_within_their_intervals_and_more_requests_narrow_them() -> None:
    few, many = bounded_latency_of(histogram(1000)), bounded_latency_of(histogram(20_000))
    assert few is not None
    assert many is not None
    for name in ("p50", "p95", "p99"):
        widths = []
        for latency in (few, many):
            low, high = latency.intervals[name]
            assert low is not None
            assert high is not None
            assert low < getattr(latency, f"{name}_s") < high
            widths.append(high - low)
        assert widths[1] < widths[0] / 2


def test_intervals_are_in_all_reports_and_an_end_nobody_knows_is_left_open(
    tmp_path: Path,
) -> None:
    latency = bounded_latency_of(histogram(100))
    assert latency is not None
    given = replace(
        latency,
        intervals={"p50": (0.00281, 0.00312), "p95": (0.0055, 0.0091), "p99": (0.006, None)},
    )
    result = replace(good(), latencies={"submission": given})
    write_result(tmp_path, result)
    assert read_result(tmp_path).latencies["submission"].intervals == given.intervals
    text = PageReader(run_page(result)).text
    assert "2.81 ms to 3.12 ms" in text
    assert "6.00 ms or more" in text
    assert "at 95 % confidence" in text
    row = "| Submission | 2.81 ms to 3.12 ms | 5.50 ms to 9.10 ms | 6.00 ms or more |"
    assert row in markdown(result)


def test_a_result_from_before_has_a_table_without_intervals() -> None:
    result = good()
    assert "confidence" not in PageReader(run_page(result)).text + markdown(result)


def test_each_route_is_told_with_its_intervals() -> None:
    rng = random.Random(3)
    times = RouteTimes()
    times.seconds["GET /a"] = [rng.lognormvariate(-7, 0.5) for _ in range(200)]
    table = times.table()
    row = dict(zip(table.columns, table.rows[0], strict=True))
    for name in ("p50", "p95"):
        low, high = map(float, str(row[f"{name} between"]).split(" to "))
        value = row[f"{name} ms"]
        assert isinstance(value, float)
        assert low < value < high
    # 200 calls are too few to say how high the 99th may be.
    assert str(row["p99 between"]).endswith(" to ?")
    assert row["Calls"] == pytest.approx(200)
