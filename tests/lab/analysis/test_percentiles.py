"""Percentiles and medians: their values, and whether their intervals hold what they promise."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from sureshot_lab.analysis.percentiles import (
    counts_of,
    median_of_runs,
    percentile,
    percentile_of_counts,
)
from sureshot_lab.errors import LabError

values = st.lists(st.floats(0.001, 1000), min_size=1, max_size=200)


def test_the_interval_is_that_of_the_textbook() -> None:
    """Hahn and Meeker's ranks for the median of 10: the 2nd and the 9th, 97.85 %."""
    found = percentile(range(1, 11), 50)
    assert (found.value, found.low, found.high) == (5, 2, 9)
    assert found.confidence == pytest.approx(0.9785, abs=1e-4)


@pytest.mark.parametrize(("count", "known"), [(367, False), (368, True)])
def test_a_small_sample_has_no_upper_end_for_a_high_percentile(count: int, known: bool) -> None:
    found = percentile(range(count), 99)
    assert math.isfinite(found.high) is known
    assert found.bounded is known


@pytest.mark.parametrize("percent", [50, 95])
def test_intervals_hold_the_truth_as_often_as_they_promise(percent: float) -> None:
    rng = random.Random(1)
    truth = -math.log(1 - percent / 100)  # of the exponential distribution
    held = sum(
        truth in percentile([rng.expovariate(1) for _ in range(300)], percent) for _ in range(400)
    )
    assert held / 400 >= 0.93


@settings(deadline=None)  # scipy takes a second to load
@given(values, st.floats(1, 99))
def test_an_estimate_is_a_value_of_the_sample_inside_its_interval(
    sample: list[float], percent: float
) -> None:
    found = percentile(sample, percent)
    assert found.value in sample
    assert found.low <= found.value <= found.high
    at_or_below = sum(value <= found.value for value in sample) / len(sample)
    assert at_or_below >= percent / 100 - 1e-9
    assert found.confidence >= 0.95 - 1e-9


@settings(deadline=None)  # scipy takes a second to load
@given(st.lists(st.integers(1, 50), min_size=1, max_size=200), st.floats(1, 99))
def test_counts_say_the_same_as_the_sample(sample: list[int], percent: float) -> None:
    counts = sorted(Counter(sample).items())
    assert percentile_of_counts([(float(v), n) for v, n in counts], percent) == percentile(
        sample, percent
    )


def test_a_histogram_says_the_same_in_seconds() -> None:
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    rng = random.Random(2)
    sample_us = [int(rng.lognormvariate(9, 1)) for _ in range(5000)]
    for value in sample_us:
        histogram.record_value(value)
    found = percentile_of_counts(counts_of(histogram), 95).scaled(1e-6)
    exact = percentile([value / 1e6 for value in sample_us], 95)
    assert found.value == pytest.approx(exact.value, rel=2e-3)
    assert found.low == pytest.approx(exact.low, rel=2e-3)
    assert found.high == pytest.approx(exact.high, rel=2e-3)
    assert found.value * 1e6 == pytest.approx(histogram.get_value_at_percentile(95))


def test_six_runs_have_an_interval_and_five_say_what_theirs_covers() -> None:
    six = median_of_runs([5, 3, 1, 2, 6, 4])
    assert (six.value, six.low, six.high) == (3.5, 1, 6)
    assert six.confidence >= 0.95
    ten = median_of_runs(range(1, 11))
    assert (ten.value, ten.low, ten.high) == (5.5, 2, 9)
    five = median_of_runs([5, 3, 1, 2, 4])
    assert (five.value, five.low, five.high) == (3, 1, 5)
    assert five.confidence == 0.9375
    assert median_of_runs([7]).confidence == 0


def test_what_has_no_percentile_is_refused() -> None:
    with pytest.raises(LabError, match="no value"):
        percentile([], 50)
    with pytest.raises(LabError, match="no value"):
        percentile_of_counts([], 50)
    with pytest.raises(LabError, match="no run"):
        median_of_runs([])
    with pytest.raises(LabError, match="between 0 and 100"):
        percentile([1.0], 100)
