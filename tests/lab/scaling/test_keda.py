from __future__ import annotations

import pytest

from sureshot_lab.scaling.keda import Keda, Trigger

TRIGGER = Trigger(queue_length=20, activation=5, cooldown_s=300)


@pytest.mark.parametrize(
    ("length", "wanted"),
    [(30, 2), (100, 5), (39, 2), (100_000, 5)],  # the documentation: 30 messages of 10, 3 pods
)
def test_one_replica_for_each_queue_length(length: float, wanted: int) -> None:
    assert Keda(TRIGGER, 1, 50).scale(0, 1, length) == wanted


def test_growth_is_limited_as_an_hpas_is() -> None:
    keda = Keda(TRIGGER, 1, 50)
    assert [keda.scale(at_s, now, 1e6) for at_s, now in ((0, 1), (15, 5), (30, 10))] == [5, 10, 20]


def test_a_queue_longer_than_the_activation_wakes_the_first_replica() -> None:
    keda = Keda(TRIGGER, 0, 50)
    assert keda.scale(0, 0, 1000) == 0, "the HPA does not wake anything"
    assert keda.activate(0, 0, 5) == 0
    assert keda.activate(30, 0, 6) == 1


def test_after_the_cooldown_none_is_left_where_that_is_allowed() -> None:
    keda = Keda(TRIGGER, 0, 50)
    keda.activate(0, 0, 100)
    assert keda.activate(299, 1, 5) == 1
    assert keda.activate(300, 1, 5) == 0
    awake = Keda(TRIGGER, 1, 50)
    awake.activate(0, 1, 100)
    assert awake.activate(1000, 1, 0) == 1


def test_work_below_the_activation_counts_once_it_is_awake() -> None:
    assert Keda(Trigger(queue_length=2, activation=5), 0, 50).scale(0, 1, 4) == 2
