"""What a replica can do, as it is learned from what replicas tell of themselves."""

from __future__ import annotations

import pytest

from sureshot.domain.scaling.capacity import SLOTS, Capacity
from sureshot.domain.scaling.pile import Pile
from sureshot.domain.scaling.work import Work


def learned(
    capacity: Capacity,
    seconds: int,
    done: float,
    *,
    cpu: float | None = None,
    slots: float = 0.0,
    replicas: int = 1,
    waits: bool = False,
    starved: float = 0.0,
    of: int = SLOTS,
) -> float:
    """Let every replica do *done* a second; *slots* is the share of them that is taken."""
    for _ in range(seconds):
        work = Work(1.0, done, slots * of, cpu, starved)
        capacity.observe([work] * replicas, waits=waits)
    return capacity.per_s


def test_work_that_waits_shows_within_seconds_what_a_replica_does() -> None:
    assert learned(Capacity(1000), 6, 50, waits=True) < 100
    assert learned(Capacity(10), 5, 500, waits=True) == pytest.approx(500, rel=0.1)


def test_so_does_a_core_that_is_half_used_though_thousands_of_slots_are_free() -> None:
    assert learned(Capacity(1000), 60, 100, cpu=0.5, slots=0.003, replicas=3) == pytest.approx(
        200, rel=0.02
    )


def test_so_do_half_used_slots() -> None:
    assert learned(Capacity(1000), 30, 100, slots=0.5, replicas=3) == pytest.approx(200, rel=0.05)


def test_a_core_that_others_use_is_no_idle_one() -> None:
    # It was on a core for a fifth of the time, and would have been for all of it.
    assert learned(Capacity(1000), 90, 40, cpu=0.2, starved=0.8) == pytest.approx(40, rel=0.1)


def test_late_heartbeats_do_not_make_a_worker_look_faster() -> None:
    capacity = Capacity(1000)
    for second in range(1, 241):
        # Each told when it was time: after 1, 2, 3 and 4 seconds, in turn.
        gap = {1: 1, 3: 2, 6: 3, 0: 4}.get(second % 10)
        works = [Work(gap, 165.0 * gap, 50.0, 1.0)] if gap else []
        capacity.observe(works, waits=True)
    assert capacity.per_s == pytest.approx(165, rel=0.02)


def test_results_that_are_written_every_other_second_count_for_both() -> None:
    capacity = Capacity(1000)
    for second in range(120):
        done = 330.0 if second % 2 else 0.0
        capacity.observe([Work(1.0, done, 50.0, 1.0)], waits=True)
    assert capacity.per_s == pytest.approx(165, rel=0.05)


def test_an_idle_replica_shows_nothing_but_that_it_can_do_what_it_does() -> None:
    assert learned(Capacity(1000), 60, 10, cpu=0.01, slots=0.001) == 1000
    assert learned(Capacity(1000), 60, 3000, cpu=0.1) == pytest.approx(3000, rel=0.01)


def test_results_of_an_outage_that_are_written_at_once_are_no_proof() -> None:
    capacity = Capacity(1000)
    learned(capacity, 60, 300, cpu=1.0)
    learned(capacity, 30, 0, cpu=0.02, slots=0.3)
    assert learned(capacity, 1, 3000, cpu=0.3) == pytest.approx(300, rel=0.1)


def test_the_second_in_which_work_begins_or_ends_teaches_nothing() -> None:
    capacity = Capacity(1000)
    for done, cpu in ((3.0, 1.0), (0.0, 0.0), (2.0, 1.0), (2.0, 0.1)):
        capacity.observe([Work(1.0, done, 0.0, cpu)], waits=False)
    assert (capacity.per_s, capacity.learned) == (1000, False)


def test_an_idle_role_keeps_what_it_has_learned() -> None:
    capacity = Capacity(1000)
    learned(capacity, 60, 200, cpu=1.0)
    assert learned(capacity, 3600, 20, cpu=0.1) == pytest.approx(200, rel=0.05)


def test_what_was_learned_too_high_comes_down_when_it_is_busy_and_does_less() -> None:
    capacity = Capacity(1000)
    learned(capacity, 60, 600, cpu=1.0)
    assert learned(capacity, 60, 300, cpu=1.0) < 350, "each webhook takes twice as much now"
    assert learned(capacity, 60, 540, cpu=0.9) > 500, "and half of that again"


def test_receivers_that_became_slow_are_forgotten_when_they_are_quick_again() -> None:
    capacity = Capacity(1000)
    learned(capacity, 60, 500, cpu=0.5)
    slow = learned(capacity, 60, 100, cpu=0.1, slots=1.0)
    assert slow == pytest.approx(100, rel=0.1)
    assert learned(capacity, 600, 50, cpu=0.05, slots=0.5) == pytest.approx(100, rel=0.1)
    quick = learned(capacity, 600, 50, cpu=0.05, slots=0.01)
    assert quick > 900, "what its core was seen to do, and no more"
    assert quick < 1001


def test_slots_that_are_few_hold_although_they_are_not_used_up() -> None:
    held = Capacity(1000, slots=10)
    assert learned(held, 60, 100, slots=1.0, of=10) == pytest.approx(100)
    assert learned(held, 900, 30, slots=0.2, of=10) == pytest.approx(150, rel=0.05)


def test_a_database_that_was_slow_is_forgotten_slowly_and_only_to_what_was_seen() -> None:
    capacity = Capacity(1000)
    learned(capacity, 60, 250, cpu=0.5)
    assert learned(capacity, 60, 50, cpu=0.1, waits=True) == pytest.approx(50, rel=0.05)
    assert learned(capacity, 300, 40, cpu=0.1) < 150
    assert 400 < learned(capacity, 7200, 40, cpu=0.1) < 510
    never_seen = Capacity(1000)
    learned(never_seen, 60, 50, cpu=0.1, waits=True)
    assert learned(never_seen, 7200, 40, cpu=0.1) == pytest.approx(50, rel=0.05)


def test_work_that_waited_for_a_core_says_nothing_of_other_limits() -> None:
    capacity = Capacity(1000)
    learned(capacity, 60, 200, cpu=1.0, waits=True)
    assert learned(capacity, 120, 200, cpu=0.5) == pytest.approx(400, rel=0.1)


# -- what lies in slots -----------------------------------------------------


def test_what_is_under_way_is_no_pile_however_long_receivers_take() -> None:
    pile = Pile()
    for in_flight in (30.0, 30.0, 3000.0, 3000.0):
        assert pile.observe([Work(1.0, 100.0, in_flight, 0.6)], 1) == 0


def test_what_a_worker_at_its_limit_took_beyond_that_waits() -> None:
    pile = Pile()
    for _ in range(60):
        pile.observe([Work(1.0, 100.0, 30.0, 0.5)], 2)
    full, calm = Work(1.0, 200.0, 5060.0, 1.0), Work(1.0, 100.0, 30.0, 0.5)
    assert pile.observe([full, calm], 2) == pytest.approx(5000, rel=0.01)
    assert pile.observe([], 2) == pytest.approx(5000, rel=0.01), "no news is no change"
    assert pile.observe([calm, calm], 2) == 0
