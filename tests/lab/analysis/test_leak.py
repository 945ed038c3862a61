"""Leaks are found in half a minute; caches, steps and garbage collection are not taken for any."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from sureshot_lab.analysis.leak import GROWTHS, LeakTest, leak_test, leak_tests
from tests.lab.analysis.runs import a_run, samples, seconds

MB, KB = 1e6, 1e3
MEMORY, FILES = GROWTHS[0], GROWTHS[1]
Curve = Callable[[float, random.Random], float]
TRIALS = 40


def judged(
    curve: Curve,
    seed: int,
    *,
    duration_s: int = 30,
    per_s: float = 300,
    warm_up_s: float | None = None,
) -> LeakTest:
    rng = random.Random(seed)
    at_s = [second + rng.uniform(0, 0.02) for second in range(duration_s)]
    found = leak_test(
        at_s,
        [curve(second, rng) for second in at_s],
        MEMORY,
        webhooks=[per_s * second for second in at_s],
        warm_up_s=warm_up_s,
    )
    assert found is not None
    return found


def share_flagged(curve: Curve, **how: float) -> float:
    found = [judged(curve, seed, **how).leaking for seed in range(TRIALS)]  # type: ignore[arg-type]
    return sum(found) / TRIALS


def leak(at_s: float, rng: random.Random) -> float:
    """Grow by 1 kB a webhook at 300/s."""
    return 60 * MB + 300 * KB * at_s + rng.gauss(0, 0.5 * MB)


def in_pages(at_s: float, rng: random.Random) -> float:
    """Grow by the same at 200/s, in the arenas an allocator takes."""
    return (60 * MB + 200 * KB * at_s + rng.gauss(0, 0.1 * MB)) // (256 * 1024) * 256 * 1024


def after_warm_up(at_s: float, rng: random.Random) -> float:
    return leak(at_s, rng) + 30 * MB * (1 - math.exp(-at_s / 3))


def between_collections(at_s: float, rng: random.Random) -> float:
    return leak(at_s, rng) + 4 * MB * (at_s / 6 % 1)


@pytest.mark.parametrize("curve", [leak, after_warm_up, between_collections])
def test_a_kilobyte_a_webhook_is_found_in_half_a_minute(curve: Curve) -> None:
    assert share_flagged(curve) >= 0.9


def test_it_is_found_in_an_allocators_steps_too() -> None:
    assert share_flagged(in_pages, per_s=200) >= 0.95


def test_its_size_is_told() -> None:
    found = judged(leak, 1)
    assert found.per_webhook is not None
    assert found.per_webhook.value == pytest.approx(1000, rel=0.15)
    assert found.per_s.value == pytest.approx(300_000, rel=0.15)
    assert "it grows by" in found.reason
    assert "a webhook" in found.reason


def plateau(at_s: float, rng: random.Random) -> float:
    return 60 * MB + rng.gauss(0, 3 * MB)


def step(at_s: float, rng: random.Random) -> float:
    return 60 * MB + 40 * MB * (at_s > 4) + rng.gauss(0, 0.3 * MB)


def warming_up(at_s: float, rng: random.Random) -> float:
    return 60 * MB + 40 * MB * (1 - math.exp(-at_s / 3)) + rng.gauss(0, 0.3 * MB)


def filling(at_s: float, rng: random.Random) -> float:
    """Fill a cache for 8 s."""
    return 60 * MB + 40 * MB * min(1.0, at_s / 8) + rng.gauss(0, 0.3 * MB)


def collected(at_s: float, rng: random.Random) -> float:
    return 60 * MB + 20 * MB * (at_s / 8 % 1) + rng.gauss(0, 0.3 * MB)


def rarely_collected(at_s: float, rng: random.Random) -> float:
    """End in the middle of a rise: two and a half saw-teeth."""
    return 60 * MB + 20 * MB * (at_s / 12 % 1) + rng.gauss(0, 0.3 * MB)


@pytest.mark.parametrize("warm_up_s", [None, 5.0])
@pytest.mark.parametrize("curve", [plateau, step, warming_up, filling, collected, rarely_collected])
def test_what_is_no_leak_is_not_flagged(curve: Curve, warm_up_s: float | None) -> None:
    assert share_flagged(curve, warm_up_s=warm_up_s) <= 0.05  # type: ignore[arg-type]


def test_growth_below_what_matters_is_told_but_not_flagged() -> None:
    found = judged(lambda at_s, rng: 60 * MB + 15 * KB * at_s + rng.gauss(0, 10 * KB), 1)
    assert not found.leaking
    assert found.per_s.low > 0
    assert "no growth of more than 200 B a webhook can be shown" in found.reason


def test_growth_that_does_not_follow_the_webhooks_is_judged_by_time() -> None:
    at_s = [float(second) for second in range(120)]
    found = leak_test(at_s, [50 + second // 2 for second in at_s], FILES)
    assert found is not None
    assert found.leaking
    assert found.per_webhook is None
    assert found.per_s.value == pytest.approx(0.5, rel=0.05)


def test_a_warm_up_is_dropped_in_seconds_however_often_was_sampled() -> None:
    at_s = [5 + 0.5 * number for number in range(80)]
    found = leak_test(at_s, [60 * MB + 40 * MB * (at >= 9) for at in at_s], MEMORY)
    assert found is not None
    assert found.warm_up_s == 4
    assert not found.leaking


def test_a_short_series_is_not_judged() -> None:
    assert leak_test([0.0, 1.0, 2.0], [1.0, 2.0, 3.0], MEMORY) is None
    assert leak_test([], [], MEMORY) is None


def test_a_run_is_tested_for_all_that_was_sampled() -> None:
    run = a_run(
        intervals=seconds(40),
        samples=samples(
            60,
            service__rss_bytes=lambda s: 60 * MB + 300 * KB * min(s, 40),
            metrics__rss_bytes=60 * MB,
            service__fds=40,
            metrics__queue_depth=lambda s: 30 * min(s, 40) if s <= 40 else 0,
        ),
    )
    found = {test.growth.what: test.leaking for test in leak_tests(run)}
    assert found == {"memory": True, "file descriptors": False, "queue depth": True}


def filling_its_page_cache(leak_bytes: float, count: int = 45) -> list[LeakTest]:
    """Return what is found of a file that grows by 0.8 kB a webhook, memory by 1.35 of it."""
    run = a_run(
        intervals=seconds(count),
        samples=samples(
            count,
            sqlite__database_bytes=lambda s: 300 * 800 * s,
            service__rss_bytes=lambda s: (
                70 * MB + min(1.35 * 300 * 800 * s, 22 * MB) + 300 * leak_bytes * s
            ),
        ),
    )
    return leak_tests(run)


@pytest.mark.parametrize("count", [30, 45, 90, 200])
def test_a_page_cache_that_fills_is_no_leak(count: int) -> None:
    assert [test.leaking for test in filling_its_page_cache(0, count)] == [False]


@pytest.mark.parametrize("count", [30, 45, 90, 200])
def test_a_leak_behind_a_page_cache_is_found(count: int) -> None:
    assert [test.leaking for test in filling_its_page_cache(1000, count)] == [True]


def test_memory_for_a_rising_load_is_no_leak() -> None:
    run = a_run(
        intervals=seconds(40, rate=lambda s: 50 * s),
        samples=samples(40, service__rss_bytes=lambda s: 60 * MB + 2 * MB * s),
    )
    assert leak_tests(run) == []


def test_a_run_without_load_is_not_tested() -> None:
    assert leak_tests(a_run(samples=samples(40, service__rss_bytes=lambda s: MB * s))) == []
