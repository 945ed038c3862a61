"""Charts: round ticks, no lost spike, gaps that stay gaps, and a reason where nothing is drawn."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from sureshot_lab.report.axes import percentile_axis, time_axis, value_axis
from sureshot_lab.report.chart import Chart, Flag, Missing, Series, draw
from sureshot_lab.report.figures import clock
from sureshot_lab.report.resource_charts import other_charts, queue_chart, resource_charts
from sureshot_lab.report.run_charts import (
    errors_over_time,
    latency_by_rate,
    latency_over_time,
    spectrum,
    throughput,
)
from sureshot_lab.report.table_charts import table_charts
from sureshot_lab.report.timeline import MOST_POINTS
from sureshot_lab.result import RunResult
from tests.lab.report.examples import bad, breakpoint_search, good
from tests.lab.report.page_reader import PageReader


def drawn(chart: Chart | Missing) -> Chart:
    assert isinstance(chart, Chart)
    return chart


def sentence(chart: Chart | Missing) -> str:
    assert isinstance(chart, Missing)
    return chart.why


@pytest.mark.parametrize(
    ("most", "unit", "high", "labels"),
    [
        (0.74, "s", 0.8, ["0 s", "200 ms", "400 ms", "600 ms", "800 ms"]),
        (1000, "per_s", 1000, ["0/s", "200/s", "400/s", "600/s", "800/s", "1,000/s"]),
        (89e6, "bytes", 96 << 20, ["0 B", "32 MiB", "64 MiB", "96 MiB"]),
        (3, "count", 3, ["0", "1", "2", "3"]),
        (0, "count", 1, ["0", "1"]),
    ],
)
def test_a_straight_axis_begins_at_zero_and_has_round_ticks(
    most: float, unit: str, high: float, labels: list[str]
) -> None:
    axis = value_axis([most], unit, "")
    assert [tick.label for tick in axis.ticks] == labels
    assert [tick.place for tick in axis.ticks] == pytest.approx(
        [axis.place(n * high / (len(labels) - 1)) for n in range(len(labels))]
    )
    assert (axis.low, axis.high) == pytest.approx((0, high))


def test_a_wide_spread_makes_an_axis_logarithmic() -> None:
    axis = value_axis([0.0003, 0.9], "s", "latency", spread=True)
    assert [tick.label for tick in axis.ticks] == ["1 ms", "10 ms", "100 ms", "1 s"]
    assert "logarithmic" in axis.title
    assert axis.place(0.01) - axis.place(0.001) == pytest.approx(axis.place(0.1) - axis.place(0.01))


def test_rare_percentiles_get_as_much_room_as_common_ones() -> None:
    places = [tick.place for tick in percentile_axis(60_000).ticks]
    labels = [tick.label for tick in percentile_axis(60_000).ticks]
    assert labels == ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"]
    assert places == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])


@pytest.mark.parametrize("end_s", [3.0, 12.0, 60.0, 121.0, 1000.0, 7200.0, 90_000.0, 1e6])
def test_a_time_axis_has_few_ticks_of_which_none_is_outside(end_s: float) -> None:
    ticks = time_axis(0, end_s).ticks
    assert 3 <= len(ticks) <= 8
    assert all(0 <= tick.place <= 1 for tick in ticks)
    assert len({tick.label for tick in ticks}) == len(ticks)


def long_run() -> RunResult:
    """Return an hour with one bad second."""
    result = good(duration_s=3600)
    intervals = list(result.intervals)
    intervals[1801] = replace(intervals[1801], p99_s=2.5, failed=400, succeeded=600)
    return replace(result, intervals=intervals)


def test_a_long_run_is_thinned_and_its_one_bad_second_stays() -> None:
    chart = drawn(latency_over_time(long_run()))
    p99 = next(line for line in chart.series if line.name == "p99")
    assert len(p99.points) <= MOST_POINTS
    assert max(value for _at, value in p99.known) == 2.5


def test_thinned_rates_are_means() -> None:
    chart = drawn(throughput(long_run()))
    accepted = next(line for line in chart.series if line.name == "accepted")
    lowest = min(value for at, value in accepted.known if at > 10)
    assert lowest == pytest.approx((5 * 1000 + 600) / 6)


def test_a_run_of_a_minute_shows_every_second() -> None:
    chart = drawn(throughput(good()))
    assert [len(line.points) for line in chart.series] == [60] * 4


def test_seconds_without_an_answer_leave_a_gap() -> None:
    result = good()
    intervals = [
        replace(one, p50_s=None, p95_s=None, p99_s=None) if 20 <= one.at_s < 30 else one
        for one in result.intervals
    ]
    chart = drawn(latency_over_time(replace(result, intervals=intervals)))
    paths = [path for path in PageReader(draw(chart)).values("d") if path.count("L") > 10]
    assert [path.count("M") for path in paths] == [2, 2, 2]


def test_nothing_measured_is_said_in_words() -> None:
    nothing = replace(good(), intervals=[], samples=[], latencies={})
    assert sentence(spectrum(nothing)) == "no distribution of latencies was recorded in this run."
    assert sentence(throughput(nothing)) == "no request was timed in this run."
    assert sentence(queue_chart(nothing)) == "not sampled in this run."
    assert sentence(errors_over_time(good())) == "no request failed, and none was dropped."
    assert all(isinstance(chart, Missing) for chart in resource_charts(nothing))


def test_no_answer_at_all_is_told_from_no_load() -> None:
    silent = [replace(one, p50_s=None, p95_s=None, p99_s=None) for one in good().intervals]
    result = replace(good(), intervals=silent)
    assert sentence(latency_over_time(result)) == "no request was answered in this run."
    assert sentence(latency_by_rate(result)) == "no request was answered in this run."


def test_the_slowest_request_ends_the_spectrum() -> None:
    line = drawn(spectrum(good())).series[0]
    assert line.points[-1] == (60_000, 0.021)


def test_limits_are_drawn_where_they_are_near_and_named_where_not() -> None:
    near = PageReader(draw(drawn(latency_over_time(bad()))))
    assert "limit of API request latency (p99): 100 ms" in near.text
    assert near.count("path", "limitline") == 1
    far = PageReader(draw(drawn(latency_over_time(good()))))
    assert "100 ms (beyond this chart)" in far.text
    assert far.count("path", "limitline") == 0


def test_phases_and_events_are_marked() -> None:
    page = PageReader(draw(drawn(throughput(bad()))))
    assert page.count("rect") == 4
    assert page.count("path", "flagline") == 3
    assert {"before", "fault", "after"} <= set(page.values("title"))


def test_events_close_together_share_a_mark() -> None:
    axis = time_axis(0, 100)
    flags = [Flag(50, 1, "a"), Flag(51, 2, "b"), Flag(90, 3, "c")]
    line = Series("x", [(0.0, 1.0), (100.0, 2.0)], "blue")
    chart = Chart("t", axis, value_axis([2], "count", ""), "count", [line], clock, flags=flags)
    page = PageReader(draw(chart))
    assert re.findall(r"\b1-2\b|\b3\b", page.text.split("0 s")[0]) == ["1-2", "3"]
    assert "a; b" in page.values("title")


def test_the_pointer_is_told_the_values_of_the_result() -> None:
    page = draw(drawn(throughput(bad())))
    reader = PageReader(page)
    by_name = {told["data-name"]: told for tag, told in reader.elements if told.get("data-name")}
    dropped_second = (by_name["sent"]["data-at"] or "").split("|").index("0:51")
    assert (by_name["sent"]["data-y"] or "").split("|")[dropped_second] == "470/s"


def test_every_sample_has_a_chart() -> None:
    result = good()
    names = {name for sample in result.samples for name in sample.values}
    charts = [queue_chart(result), *resource_charts(result), *other_charts(result)]
    lines = sum(len(drawn(chart).series) for chart in charts)
    told_twice = {"metrics.cpu_cores"}
    assert lines == len(names - told_twice)


def test_a_search_is_drawn_over_the_rate_it_offered() -> None:
    latency, rates = table_charts(breakpoint_search().tables[0])
    assert [line.name for line in latency.series] == ["Submission p99", "End to end p95"]
    assert max(value for _at, value in latency.series[0].known) == pytest.approx(1.5815, rel=0.01)
    assert [line.name for line in rates.series] == ["Accepted", "Delivered"]


def test_a_table_without_rates_gets_no_chart() -> None:
    table = replace(breakpoint_search().tables[0], columns=["Route"] + ["x"] * 7)
    assert table_charts(table) == []
