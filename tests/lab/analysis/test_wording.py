"""Figures as they stand in sentences."""

from __future__ import annotations

import math

import pytest

from sureshot_lab.analysis.estimate import Estimate
from sureshot_lab.analysis.wording import interval, told, unit_of


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0123456, "s", "12.3 ms"),
        (1.0, "s", "1 s"),
        (75.25, "s", "75.2 s"),
        (0.98765, "share", "98.8 %"),
        (1536, "bytes", "1.5 KiB"),
        (3 << 30, "bytes", "3 GiB"),
        (512 << 20, "bytes", "512 MiB"),
        (12, "bytes", "12 B"),
        (1234.5, "per_s", "1,234/s"),
        (10_000, "per_min", "10,000/min"),
        (395.2, "us_per_webhook", "395 µs a webhook"),
        (0, "", "0"),
        (12_000, "count", "12,000"),
        (1.5, "cores", "1.5 cores"),
        (math.inf, "s", "unknown"),
    ],
)
def test_values_have_their_unit(value: float, unit: str, words: str) -> None:
    assert told(value, unit) == words


def test_an_end_that_is_not_known_is_left_open() -> None:
    assert interval(Estimate(0.012, 0.011, 0.014), "s") == "12 ms [11 ms, 14 ms]"
    assert interval(Estimate(0.012, 0.011, math.inf), "s") == "12 ms [11 ms, ?]"


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("submission_p99_s", "s"),
        ("offered_per_s", "per_s"),
        ("throughput_per_min", "per_min"),
        ("success_share", "share"),
        ("service_rss_max_bytes", "bytes"),
        ("service_cpu_us_per_webhook", "us_per_webhook"),
        ("retries", ""),
    ],
)
def test_a_metrics_unit_is_in_its_name(metric: str, unit: str) -> None:
    assert unit_of(metric) == unit
