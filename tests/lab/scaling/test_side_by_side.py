"""Policies on traces: the figures' meaning, and what the project claims of its own policy."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.scaling.deployment import Seen, Site
from sureshot_lab.scaling.page import write_page
from sureshot_lab.scaling.policies import HpaOnCpu, Sureshot
from sureshot_lab.scaling.side_by_side import (
    BY_KEDA,
    OURS,
    Against,
    Mean,
    against,
    mean,
    play_all,
    verdict,
)
from sureshot_lab.scaling.traces import SHAPES, Trace, make_trace
from sureshot_lab.scaling.trial import flaps, longest, play

SITE = Site()
OTHERS = ("HPA on CPU", "KEDA on depth")
NEVER_SEEN = range(101, 106)
"""Draws that were not looked at when the policy's numbers were chosen."""


class Fixed:
    """As many replicas as told, second by second."""

    name = "fixed"

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)

    def wanted(self, seen: Seen) -> int:
        return self._numbers[min(int(seen.at_s) - 1, len(self._numbers) - 1)]


def flat(per_s: float, seconds: int) -> Trace:
    return Trace("flat", "", np.full(seconds, per_s), np.full(seconds, int(per_s)))


def test_enough_replicas_are_never_late_and_one_too_few_is() -> None:
    site = Site(capacity_per_s=100, starts_s=0)
    enough = play(Fixed(5), flat(500, 60), site)
    assert (enough.late_webhook_s, enough.up_s) == (0, 0)
    short = play(Fixed(4), flat(500, 60), site)
    # The first step begins with 8; then 100 more wait each second.
    assert short.late_webhook_s == sum(100 * n for n in range(60))
    assert short.up_s == 59
    assert short.late_share == pytest.approx(1 - 5 / 60, abs=0.2)


def test_overshoot_and_time_too_large_are_counted_from_what_the_rate_needs() -> None:
    site = Site(capacity_per_s=100, starts_s=0)
    wasteful = play(Fixed(12), flat(500, 60), site)  # at 70 % it needs 8
    assert wasteful.overshoot == 4
    assert wasteful.down_s == 59


def test_a_flap_is_a_turn_within_ten_minutes() -> None:
    assert flaps([1, 2, 1]) == 1
    assert flaps([1, 2, 3, 3, 2, 2, 3]) == 2
    assert flaps([1, 2, *[2] * 700, 1]) == 0
    assert flaps([3] * 10) == 0


def test_longest_counts_the_longest_run() -> None:
    assert longest([True, True, False, True]) == 2
    assert longest([]) == 0


@pytest.mark.parametrize("name", SHAPES)
def test_a_trace_is_the_same_for_the_same_seed_and_follows_its_shape(name: str) -> None:
    one, same, other = make_trace(name, 3), make_trace(name, 3), make_trace(name, 4)
    assert np.array_equal(one.arrivals, same.arrivals)
    assert not np.array_equal(one.arrivals, other.arrivals)
    assert one.arrivals.sum() == pytest.approx(one.per_s.sum(), rel=0.01)


def test_an_unknown_trace_is_a_sentence() -> None:
    with pytest.raises(LabError, match="there are steady, step"):
        make_trace("wave")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["step", "ramp", "spike", "bursty"])
def test_ours_is_late_less_and_costs_no_more_on_draws_it_was_not_made_on(name: str) -> None:
    means = [mean(outcomes) for outcomes in play_all(name, NEVER_SEEN, SITE)]
    for found in (one for one in against(means) if one.ours == OURS):
        assert found.later <= 1e-4, found
        assert found.cost <= 1.05, found
        if name != "ramp":  # there nobody but KEDA on depth is late
            assert found.late is not None, found
            assert found.late < 0.5, found


def test_a_steady_load_is_left_alone() -> None:
    for outcomes in play_all("steady", [7], SITE):
        if outcomes[0].policy in {OURS, BY_KEDA}:
            assert (outcomes[0].flaps, outcomes[0].late_webhook_s) == (0, 0)
            assert set(outcomes[0].replicas) <= {4, 5}


@pytest.mark.parametrize("capacity_per_s", [150.0, 333.0, 950.0])
def test_a_steady_load_is_left_alone_for_hours_whatever_a_replica_does(
    capacity_per_s: float,
) -> None:
    site = Site(capacity_per_s=capacity_per_s)
    outcome = play(Sureshot(site), flat(600, 4 * 3600), site)
    settled = outcome.replicas[600:]
    assert len(set(settled)) == 1, "it neither forgets nor finds out anew"
    assert settled[0] == math.ceil(600 / capacity_per_s / 0.85)
    assert outcome.late_webhook_s == 0


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_batch_at_nine_is_met_on_the_third_day() -> None:
    trace = make_trace("daily", 9)
    third = slice(trace.judged_from_s, None)
    # What follows the CPU has nothing to learn from the days before.
    day = replace(trace, per_s=trace.per_s[third], arrivals=trace.arrivals[third], judged_from_s=0)
    ours, hpa = play(Sureshot(SITE), trace, SITE), play(HpaOnCpu(SITE), day, SITE)
    assert ours.late_webhook_s < 0.1 * hpa.late_webhook_s
    assert ours.replica_s < hpa.replica_s


def test_the_verdict_names_every_trace_where_ours_is_worse() -> None:
    found = [
        Against("step", "HPA on CPU", 0.1, -0.5, 0.9),
        Against("spike", "HPA on CPU", 2.0, 0.2, 1.2),
        Against("step", "KEDA on depth", None, 0.0, 1.0),
        Against("spike", "KEDA on depth", 1.5, 0.1, 0.6, BY_KEDA),
    ]
    assert verdict(found) == [
        "Sureshot against HPA on CPU: later on spike, dearer on spike (+20.0%).",
        "Sureshot against KEDA on depth: nowhere later, nowhere dearer.",
        "Sureshot by KEDA against KEDA on depth: later on spike, nowhere dearer.",
    ]


def test_what_the_manifests_ship_is_held_against_the_others_too() -> None:
    means = [mean(outcomes) for outcomes in play_all("step", [1], SITE)]
    pairs = {(one.ours, one.policy) for one in against(means)}
    assert pairs == {(way, other) for way in (OURS, BY_KEDA) for other in OTHERS}
    (by_keda,) = (
        one for one in against(means) if (one.ours, one.policy) == (BY_KEDA, "HPA on CPU")
    )
    # A decision every fifteen seconds instead of every second; still well before CPU is seen.
    assert by_keda.late is not None
    assert by_keda.late < 0.5


def test_sums_are_means_and_times_the_worst() -> None:
    site = Site(capacity_per_s=100, starts_s=0)
    both = mean([play(Fixed(4), flat(500, 60), site), play(Fixed(5), flat(500, 60), site)])
    assert both.late_webhook_s == sum(100 * n for n in range(60)) / 2
    assert both.up_s == 59
    assert both.draws == 2


def test_the_page_shows_every_policy_and_asks_the_network_for_nothing(tmp_path: Path) -> None:
    played = list(play_all("spike", [1], SITE))
    means: list[Mean] = [mean(outcomes) for outcomes in played]
    path = write_page(tmp_path / "out", means, against(means), [[one[0] for one in played]])
    text = path.read_text()
    for outcomes in played:
        assert outcomes[0].policy in text
    assert text.count("<svg") == 2
    assert "http" not in text.replace("http-equiv", "")
