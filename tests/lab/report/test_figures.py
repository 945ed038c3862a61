"""Figures: few digits, the right unit, and never two that look alike and are not."""

from __future__ import annotations

import pytest

from sureshot_lab.report.figures import apart, clock, duration, figure, limit, short, unit_of
from sureshot_lab.report.titles import key_figures, title_of
from sureshot_lab.report.verdicts import margin
from sureshot_lab.result import Gate


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (0.0000596, "s", "59.6 µs"),
        (0.0014, "s", "1.40 ms"),
        (0.00099996, "s", "1.00 ms"),
        (1.234, "s", "1.23 s"),
        (0.0, "s", "0 s"),
        (59.6, "us_per_webhook", "59.6 µs/webhook"),
        (536_870_912, "bytes", "512 MiB"),
        (500, "bytes", "500 B"),
        (1e7, "bytes_per_s", "9.54 MiB/s"),
        (0.31, "share", "31 %"),
        (0.99998, "share", "99.998 %"),
        (1.0, "share", "100 %"),
        (10_020, "per_min", "10,020/min"),
        (16.666, "per_s", "16.7/s"),
        (1_033_386, "count", "1,033,386"),
        (1.0, "cores", "1 core"),
        (0.42, "cores", "0.42 cores"),
        (0.025, "cores", "0.025 cores"),
        (3.0, "replicas", "3 replicas"),
        (None, "s", "-"),
        (float("inf"), "s", "-"),
    ],
)
def test_a_value_is_written_in_its_unit(value: float | None, unit: str, told: str) -> None:
    assert figure(value, unit) == told


def test_a_share_that_is_not_all_never_looks_like_all() -> None:
    assert figure(0.9999999, "share") == "99.99999 %"


@pytest.mark.parametrize(
    ("value", "bound", "unit"),
    [(0.49999, 0.5, "s"), (0.99899, 0.999, "share"), (9999.6, 10_000, "per_min")],
)
def test_a_value_beside_its_limit_shows_on_which_side_it_is(
    value: float, bound: float, unit: str
) -> None:
    shown, shown_limit = apart(value, bound, unit)
    assert shown != shown_limit
    assert float(shown.split("/")[0].split()[0].replace(",", "")) < float(
        shown_limit.split("/")[0].split()[0].replace(",", "")
    )


def test_round_limits_have_no_zeros_at_their_end() -> None:
    assert [short(0.010, "s"), short(0.999, "share"), short(1 << 30, "bytes")] == [
        "10 ms",
        "99.9 %",
        "1 GiB",
    ]


@pytest.mark.parametrize(
    ("name", "unit", "title"),
    [
        ("end_to_end_p95_s", "s", "End to end p95"),
        ("throughput_per_min", "per_min", "Throughput"),
        ("service_rss_max_bytes", "bytes", "Service RSS max"),
        ("service_cpu_us_per_webhook", "us_per_webhook", "Service CPU per webhook"),
        ("database_commits_per_webhook", "per_webhook", "Database commits per webhook"),
        ("submission_p999_s", "s", "Submission p99.9"),
        ("success_share", "share", "Success"),
        ("host_steal_share_max", "share", "Host steal max"),
        ("service_cpu_cores", "cores", "Service CPU"),
        ("lost", "count", "Lost"),
    ],
)
def test_a_name_tells_unit_and_title(name: str, unit: str, title: str) -> None:
    assert (unit_of(name), title_of(name)) == (unit, title)


def test_key_figures_are_those_that_were_measured() -> None:
    metrics = {"lost": 0.0, "service_cpu_us_per_webhook": 59.6, "something_else": 1.0}
    assert key_figures(metrics) == [("CPU per webhook", "59.6 µs"), ("Accepted and lost", "0")]


def test_times_of_day_and_lengths() -> None:
    assert [clock(32), clock(3752), clock(-2.4)] == ["0:32", "1:02:32", "-0:02"]
    assert [duration(9.5), duration(65), duration(7260)] == ["9.5 s", "1 min 05 s", "2 h 01 min"]


def gate(value: float, bound: float, comparison: str, unit: str, *, passed: bool) -> Gate:
    return Gate(
        name="g",
        metric="m",
        comparison=comparison,
        limit=bound,
        unit=unit,
        value=value,
        passed=passed,
    )


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (gate(0.1832, 0.1, "<", "s", passed=False), "misses by 83 %"),
        (gate(0.02, 0.1, "<", "s", passed=True), "80 % to spare"),
        (gate(11.42, 0.5, "<", "s", passed=False), "23 times the limit"),
        (gate(0.975, 0.999, ">", "share", passed=False), "misses by 2.4 points"),
        (gate(3, 0, "==", "count", passed=False), "misses by 3"),
        (gate(0, 0, "==", "count", passed=True), "exactly"),
        (gate(0.1, 0.1, "<", "s", passed=False), "reaches the limit"),
    ],
)
def test_a_margin_says_how_far_from_the_limit(one: Gate, told: str) -> None:
    assert margin(one) == told


def test_a_limit_is_told_with_its_comparison() -> None:
    assert limit(gate(1, 10_000, ">=", "per_min", passed=False)) == "≥ 10,000/min"
