from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.domain.scaling.behaviour import (
    Behaviour,
    Direction,
    Policy,
    RateLimit,
    Select,
    Stabiliser,
    Unit,
)
from sureshot.domain.scaling.decision import Need, Rules, decide
from sureshot.domain.scaling.demand import Demand
from sureshot.domain.scaling.returns import Returns

RULES = Rules(least=1, most=20, target=0.8, drain_s=10.0)


def need(current: int = 4, per_s: float = 0.0, **more: float) -> Need:
    values = {"forecast_per_s": 0.0, "capacity_per_s": 100.0, **more}
    return Need(current, per_s, **values)


# -- the decision -----------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (need(per_s=400), 5),  # 400 / (100 * 0.8)
        (need(per_s=0, forecast_per_s=640), 8),
        (need(per_s=200, waiting=4000), 6),  # 200 and 4000 in 10 s, with all that replicas have
        (need(per_s=10, cpu=1.2), 6),  # 4 * 1.2 / 0.8
        (need(per_s=0), 1),
        (need(per_s=1e6), 20),
        (need(current=0, per_s=100), 2),
    ],
)
def test_the_number_by_hand(asked: Need, wanted: int) -> None:
    assert decide(asked, RULES).wanted == wanted


def test_a_small_difference_changes_nothing_a_larger_one_does() -> None:
    # Of 10 replicas: 5 % up and 10 % down are near enough.
    assert decide(need(10, 840), RULES).wanted == 10
    assert decide(need(10, 841), RULES).wanted == 11
    assert decide(need(10, 720), RULES).wanted == 10
    assert decide(need(10, 719), RULES).wanted == 9


def test_what_waits_and_what_is_forecast_is_not_lasting() -> None:
    decision = decide(need(per_s=160, forecast_per_s=480, waiting=9000), RULES)
    assert (decision.wanted, decision.lasting) == (11, 2)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (need(per_s=400), "400 webhooks a second come; a replica does 100"),
        (need(per_s=100, forecast_per_s=640), "640 webhooks a second are expected"),
        (need(per_s=200, waiting=4000, wait_s=7.5), "4000 webhooks wait, 7.5 s at this pace"),
        (need(cpu=0.97), "CPU is used to 97% of a core"),
        (need(per_s=1e6), "12500 would be needed, at most 20 are allowed"),
        (need(10, 840), "10.50 is too near to 10"),
    ],
)
def test_the_reasons_say_what_decided(asked: Need, says: str) -> None:
    assert says in "; ".join(decide(asked, RULES).reasons)


rates = st.floats(0, 1e5)


@given(st.integers(0, 20), rates, rates, st.floats(0.1, 1e4), st.floats(0, 1e6))
def test_it_stays_within_the_bounds_and_more_work_never_wants_fewer(
    current: int, per_s: float, forecast: float, capacity: float, waiting: float
) -> None:
    def wanted(per_s: float, waiting: float) -> int:
        return decide(Need(current, per_s, forecast, capacity, waiting), RULES).wanted

    assert RULES.least <= wanted(per_s, waiting) <= RULES.most
    assert wanted(per_s * 1.5, waiting) >= wanted(per_s, waiting)
    assert wanted(per_s, waiting * 1.5) >= wanted(per_s, waiting)


# -- how much comes ---------------------------------------------------------


def told(demand: Demand, *counts: float) -> Demand:
    for count in counts:
        demand.observe(1.0, count)
    return demand


def test_a_jump_is_believed_the_second_time() -> None:
    demand = told(Demand(), *[100.0] * 30, 1000)
    assert demand.per_s < 300
    assert told(demand, 1000).per_s == 1000


def test_lumps_are_no_jumps() -> None:
    lumps = told(Demand(), *[0.0, 200.0] * 30)
    assert lumps.per_s < 130


def test_a_ramp_is_forecast_to_go_on_for_a_while() -> None:
    ramp = told(Demand(lead_s=20), *[float(n) for n in range(300)])
    assert 300 < ramp.forecast_per_s < 340


def test_a_steady_rate_is_forecast_to_stay() -> None:
    rng = random.Random(1)
    noisy = told(Demand(), *[rng.gauss(1000, 30) for _ in range(600)])
    assert noisy.forecast_per_s == pytest.approx(1000, rel=0.08)


def test_after_two_days_the_batch_at_nine_is_expected_before_it_comes() -> None:
    hour_s, day_s = 60.0, 24 * 60.0  # an hour of a minute: the shape counts, not its length

    def rate(at_s: float) -> float:
        return 900.0 if 9 * hour_s <= at_s % day_s < 10 * hour_s else 100.0

    demand = Demand(lead_s=20, day_s=day_s)
    at_s = 0.0
    while at_s < 2 * day_s + 9 * hour_s - 50:
        demand.observe(1.0, rate(at_s))
        at_s += 1.0
    assert demand.knows_the_day
    assert demand.per_s == pytest.approx(100, rel=0.05)
    assert demand.forecast_per_s > 700


# -- steadying --------------------------------------------------------------


def test_down_goes_no_lower_than_the_highest_wish_of_five_minutes() -> None:
    stabiliser = Stabiliser(down_s=300)
    assert stabiliser.steady(0, 10, 10) == 10
    assert stabiliser.steady(100, 10, 7) == 10
    assert stabiliser.steady(299, 10, 4) == 10
    assert stabiliser.steady(300, 10, 4) == 7
    assert stabiliser.steady(400, 7, 4) == 4


def test_up_waits_for_its_window_where_it_has_one() -> None:
    assert Stabiliser().steady(0, 2, 9) == 9
    waiting = Stabiliser(up_s=60)
    assert [waiting.steady(at_s, 2, 9) for at_s in (0, 30, 59, 60)] == [2, 2, 2, 9]


def test_who_has_just_begun_to_watch_does_not_shrink() -> None:
    stabiliser = Stabiliser(down_s=300)
    assert stabiliser.steady(1000, 8, 1) == 8
    assert stabiliser.steady(1299, 8, 1) == 8
    assert stabiliser.steady(1300, 8, 1) == 1


@given(st.lists(st.tuples(st.floats(0.1, 120), st.integers(1, 50)), min_size=1, max_size=60))
def test_it_never_goes_below_a_wish_that_is_still_in_its_window(
    wishes: list[tuple[float, int]],
) -> None:
    stabiliser = Stabiliser(down_s=300)
    now_s, current, seen = 0.0, stabiliser.steady(0.0, 5, 5), [(0.0, 5)]
    for pause_s, wish in wishes:
        now_s += pause_s
        seen.append((now_s, wish))
        current = stabiliser.steady(now_s, current, wish)
        inside = [one for at_s, one in seen if now_s - at_s < 300]
        assert min(wish, max(inside)) <= current <= max(*inside, wish)
        assert current >= wish


def scaled(limit: RateLimit, now_s: float, current: int, wanted: int) -> int:
    allowed = limit.limited(now_s, current, wanted)
    limit.changed(now_s, allowed - current)
    return allowed


def test_growth_by_default_is_four_or_as_many_again_in_fifteen_seconds() -> None:
    limit = RateLimit(Behaviour())
    assert scaled(limit, 0, 1, 100) == 5
    assert scaled(limit, 10, 5, 100) == 5
    assert scaled(limit, 15, 5, 100) == 10
    assert scaled(limit, 30, 10, 100) == 20
    assert scaled(limit, 45, 20, 25) == 25


def test_the_example_of_the_documentation_from_80_to_10() -> None:
    down = Direction(0, (Policy(Unit.PODS, 4, 60), Policy(Unit.PERCENT, 10, 60)))
    limit = RateLimit(Behaviour(down=down))
    numbers = [80]
    for minute in range(12):
        numbers.append(scaled(limit, 60.0 * minute, numbers[-1], 10))
    assert numbers == [80, 72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16]


def test_the_smaller_change_or_none_where_that_is_chosen() -> None:
    policies = (Policy(Unit.PODS, 4, 60), Policy(Unit.PERCENT, 10, 60))
    smallest = RateLimit(Behaviour(down=Direction(0, policies, Select.MIN)))
    assert scaled(smallest, 0, 80, 10) == 76
    slowest = RateLimit(Behaviour(up=Direction(0, policies, Select.MIN)))
    assert scaled(slowest, 0, 80, 200) == 84
    none = RateLimit(Behaviour(up=Direction(0, policies, Select.DISABLED)))
    assert scaled(none, 0, 3, 10) == 3
    assert scaled(none, 0, 3, 1) == 1


def test_a_percentage_of_one_replica_lets_it_become_two() -> None:
    limit = RateLimit(Behaviour(up=Direction(0, (Policy(Unit.PERCENT, 10, 60),))))
    assert scaled(limit, 0, 1, 5) == 2


@given(st.lists(st.integers(1, 200), min_size=1, max_size=60))
def test_growth_within_any_fifteen_seconds_is_bounded(wishes: list[int]) -> None:
    limit = RateLimit(Behaviour())
    numbers = [3]
    for second, wish in enumerate(wishes):
        numbers.append(scaled(limit, float(second), numbers[-1], wish))
        before = numbers[max(0, len(numbers) - 16)]
        assert numbers[-1] <= max(before + 4, 2 * before, numbers[-2])


# -- whether more would help ------------------------------------------------


def busy(returns: Returns, at_s: float, seconds: int, replicas: int, done: float) -> float:
    for _ in range(seconds):
        at_s += 1.0
        returns.observe(at_s, 1.0, replicas, done, saturated=True)
    return at_s


def test_growth_that_brought_nothing_sets_a_ceiling_for_a_while() -> None:
    returns = Returns()
    at_s = busy(returns, 0.0, 20, 2, 410)
    at_s = busy(returns, at_s, 30, 6, 415)
    assert returns.ceiling(at_s) == 3  # 2.02 of the first two
    assert "2 did 410 webhooks a second and 6 do 415" in returns.reason
    assert returns.ceiling(at_s + 900) is None


def test_the_ceiling_is_lifted_when_the_same_replicas_do_more_again() -> None:
    returns = Returns()
    at_s = busy(returns, 0.0, 20, 2, 410)
    at_s = busy(returns, at_s, 30, 6, 415)
    assert returns.ceiling(at_s) == 3
    at_s = busy(returns, at_s, 10, 6, 1200)
    assert returns.ceiling(at_s) is None


def test_growth_that_brought_its_share_sets_none() -> None:
    returns = Returns()
    at_s = busy(returns, 0.0, 20, 2, 400)
    at_s = busy(returns, at_s, 30, 4, 760)
    assert returns.ceiling(at_s) is None


def test_without_anything_waiting_nobody_can_tell() -> None:
    returns = Returns()
    at_s = busy(returns, 0.0, 20, 2, 400)
    for _ in range(60):
        at_s += 1.0
        returns.observe(at_s, 1.0, 4, 400, saturated=False)
    assert returns.ceiling(at_s) is None
