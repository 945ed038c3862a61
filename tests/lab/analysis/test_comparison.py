"""Two sets of repetitions: equal ones are called equal, a slowdown is found and measured."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from sureshot_lab.analysis import rank_sum
from sureshot_lab.analysis.comparison import Answer, compare, compare_all, taken_in_turns
from sureshot_lab.analysis.rank_sum import (
    exact_p,
    hodges_lehmann_ranks,
    normal_p,
    u_statistic,
)
from sureshot_lab.errors import LabError

TRIALS = 200
METRICS = (
    "submission_p50_s",
    "submission_p99_s",
    "end_to_end_p95_s",
    "queue_latency_p99_s",
    "throughput_per_min",
    "service_cpu_us_per_webhook",
    "service_rss_max_bytes",
)


def runs(rng: random.Random, count: int, factor: float = 1.0, spread: float = 0.05) -> list[float]:
    return [0.020 * factor * rng.lognormvariate(0, spread) for _ in range(count)]


def share_equal(count: int, factor: float, spread: float = 0.05) -> float:
    """Return in how many of the trials no difference was found."""
    found = 0
    for seed in range(TRIALS):
        rng = random.Random(seed)
        a, b = runs(rng, count, spread=spread), runs(rng, count, factor, spread)
        found += compare(a, b, "submission_p99_s").answer is Answer.NO_DIFFERENCE
    return found / TRIALS


@pytest.mark.parametrize("count", [4, 5, 8])
@pytest.mark.parametrize("spread", [0.02, 0.10, 0.40])
def test_equal_sets_are_called_equal_nine_times_of_ten(count: int, spread: float) -> None:
    assert share_equal(count, 1.0, spread) >= 0.90


@pytest.mark.parametrize("count", [4, 5, 8])
def test_a_fifth_slower_is_found(count: int) -> None:
    assert share_equal(count, 1.20) <= 0.10


def test_a_slowdown_is_told_with_its_size() -> None:
    rng = random.Random(1)
    found = compare(runs(rng, 8), runs(rng, 8, 1.2), "submission_p99_s")
    assert found.answer is Answer.WORSE
    assert 0.20 in found.change
    assert 0 < found.change.low < found.change.value < found.change.high
    assert found.delta > 0.8
    assert found.sentence.startswith("B is slower by ")


def test_the_shift_is_the_median_ratio_and_its_ends_the_third_from_either() -> None:
    a, b = [10.0, 11, 12, 13, 14], [15.0, 17, 19, 21, 23]
    ratios = sorted(two / one for one in a for two in b)
    found = compare(a, b, "x_s")
    assert found.change.value == pytest.approx(ratios[12] - 1)
    assert found.change.low == pytest.approx(ratios[2] - 1)
    assert found.change.high == pytest.approx(ratios[-3] - 1)
    assert (found.delta, compare(b, a, "x_s").delta) == (1, -1)
    assert (found.a_median, found.b_median) == (12, 19)
    assert found.sentence == (
        "B is slower by 58.3 % [+21.4 %, +109.1 %], worse (medians 12 s and 19 s)"
    )


def test_large_sets_have_the_interval_of_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    about = hodges_lehmann_ranks(21, 24, 0.05)
    monkeypatch.setattr(rank_sum, "EXACT_UP_TO", 100)
    exact = hodges_lehmann_ranks(21, 24, 0.05)
    assert abs(about[0] - exact[0]) <= 1
    assert abs(about[1] - exact[1]) <= 1
    assert exact[0] > 100


def test_more_is_better_for_rates_and_worse_for_times() -> None:
    low, high = [10.0, 11, 12, 13], [20.0, 21, 22, 23]
    assert compare(low, high, "throughput_per_min").answer is Answer.BETTER
    assert compare(low, high, "submission_p99_s").answer is Answer.WORSE
    assert compare(low, high, "success_share").answer is Answer.BETTER
    assert compare(low, high, "service_cpu_share").answer is Answer.WORSE
    assert compare(low, high, "x", higher_is_better=True).answer is Answer.BETTER


def test_a_certain_difference_that_does_not_matter_is_none() -> None:
    found = compare([100.0, 100.1, 100.2, 100.3], [101.0, 101.1, 101.2, 101.3], "x_s")
    assert found.p < 0.05
    assert found.answer is Answer.NO_DIFFERENCE


def test_three_repetitions_are_too_few() -> None:
    found = compare([1.0, 1.1, 1.2], [2.0, 2.1, 2.2, 2.3], "x_s")
    assert found.answer is Answer.TOO_FEW
    assert "3 repetitions are too few" in found.sentence


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(LabError, match="empty"):
        compare([], [1.0])
    with pytest.raises(LabError, match="above 0"):
        compare([1.0, 0.0], [1.0, 2.0])


small = st.lists(st.floats(0.1, 100), min_size=2, max_size=7)


@given(small, small)
def test_p_is_scipys_where_nothing_is_tied(a: list[float], b: list[float]) -> None:
    if len({*a, *b}) < len(a) + len(b):
        return
    exact = mannwhitneyu(a, b, method="exact").pvalue
    assert exact_p(a, b) == pytest.approx(exact)


def test_ties_are_counted_exactly() -> None:
    """Of the 20 divisions of 1 1 1 2 2 3 into threes, 1 1 1 and 2 2 3 is the most uneven."""
    assert exact_p([1, 1, 1], [2, 2, 3]) == pytest.approx(2 / 20)
    assert exact_p([1, 1, 1], [1, 1, 1]) == 1


def test_large_sets_take_the_normal_distribution() -> None:
    rng = random.Random(4)
    a = [round(rng.gauss(10, 1), 1) for _ in range(60)]
    b = [round(rng.gauss(10.4, 1), 1) for _ in range(50)]
    assert normal_p(a, b) == pytest.approx(mannwhitneyu(a, b, method="asymptotic").pvalue)
    assert normal_p([1.0] * 50, [1.0] * 50) == 1
    assert compare(a, b).change.low < 0.04 < compare(a, b).change.high


@given(small, small)
def test_the_interval_belongs_to_the_test(a: list[float], b: list[float]) -> None:
    if len({*a, *b}) < len(a) + len(b):
        return
    found = compare(a, b)
    assert (0.0 in found.change) == (found.p >= 0.05)
    assert compare(b, a).p == pytest.approx(found.p)
    assert u_statistic(a, b) + u_statistic(b, a) == len(a) * len(b)


def test_the_intervals_ranks_are_those_of_the_tables() -> None:
    """Hollander and Wolfe, table A.6: for 5 and 5 at 95 % the 3rd shift from either end."""
    assert hodges_lehmann_ranks(5, 5, 0.05) == (3, 23)
    assert hodges_lehmann_ranks(4, 4, 0.05) == (1, 16)
    assert hodges_lehmann_ranks(3, 3, 0.05) == (0, 0)


def many(rng: random.Random, factors: dict[str, float]) -> dict[str, list[float]]:
    return {name: runs(rng, 5, factors.get(name, 1.0)) for name in METRICS}


def test_equal_sets_are_called_equal_in_all_of_seven_metrics() -> None:
    quiet = 0
    for seed in range(TRIALS):
        rng = random.Random(seed)
        found = compare_all(many(rng, {}), many(rng, {}))
        quiet += all(one.answer is Answer.NO_DIFFERENCE for one in found)
    assert quiet / TRIALS >= 0.90


def test_one_slower_metric_of_seven_is_found() -> None:
    hit = 0
    for seed in range(50):
        rng = random.Random(seed)
        found = compare_all(many(rng, {}), many(rng, {"submission_p99_s": 1.3}))
        answers = {one.metric: one.answer for one in found}
        hit += answers["submission_p99_s"] is Answer.WORSE
    assert hit >= 45


def test_too_few_of_many_metrics_stay_too_few() -> None:
    rng = random.Random(1)
    a, b = ({name: runs(rng, 3) for name in METRICS} for _ in "AB")
    assert {one.answer for one in compare_all(a, b)} == {Answer.TOO_FEW}


def test_metrics_that_only_one_side_has_are_left_out() -> None:
    a = {"x_s": [1.0] * 4, "y_s": [1.0] * 4, "lost": [0.0] * 4}
    assert [one.metric for one in compare_all(a, {"x_s": [1.0] * 4, "lost": [0.0] * 4})] == ["x_s"]


def test_a_difference_of_chance_is_taken_back_and_told() -> None:
    a = {f"m{n}_s": [1.0, 2, 3, 4] for n in range(7)}
    b = {**a, "m3_s": [5.0, 6, 7, 8]}
    found = {one.metric: one for one in compare_all(a, b)}["m3_s"]
    assert found.answer is Answer.NO_DIFFERENCE
    assert "one of 7 metrics" in found.sentence


@pytest.mark.parametrize(
    ("order", "in_turns"),
    [("ABABABAB", True), ("ABBAABBA", True), ("AAAABBBB", False), ("BBBBBAAAAA", False)],
)
def test_sets_made_one_after_the_other_are_told(order: str, in_turns: bool) -> None:
    times = {side: [n for n, one in enumerate(order) if one == side] for side in "AB"}
    assert taken_in_turns(times["A"], times["B"]) is in_turns
