"""Draws from a seed: the same ones again, in their range, none preferred."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sureshot_lab.traffic.chance import Chance


def test_equal_seeds_give_equal_draws_and_others_do_not() -> None:
    first, again = Chance("payload", 1), Chance("payload", 1)
    assert [first.share() for _ in range(5)] == [again.share() for _ in range(5)]
    others = [Chance("payload", 2), Chance("order", 1), Chance("payload", "1"), Chance("payload1")]
    assert len({Chance("payload", 1).share(), *(other.share() for other in others)}) == 5


def test_every_order_comes_as_often() -> None:
    chance = Chance("orders")
    seen = Counter(tuple(chance.shuffled("abc")) for _ in range(6000))
    assert len(seen) == 6
    assert 900 < min(seen.values()) <= max(seen.values()) < 1100


@given(st.integers(0, 99), st.integers(-50, 50), st.integers(0, 50))
def test_whole_numbers_stay_in_their_range(seed: int, least: int, more: int) -> None:
    chance = Chance(seed)
    drawn = {chance.between(least, least + more) for _ in range(200)}
    assert least <= min(drawn) <= max(drawn) <= least + more
    if more <= 3:
        assert len(drawn) == more + 1


@given(st.integers(0, 99), st.integers(1, 20))
def test_digits_have_their_number(seed: int, length: int) -> None:
    chance = Chance(seed)
    digits = chance.digits(length)
    assert len(digits) == len(chance.hexadecimal(length)) == length
    assert digits == str(int(digits))
    assert int(chance.hexadecimal(length), 16) >= 0
