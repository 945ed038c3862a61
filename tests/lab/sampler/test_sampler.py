"""The sampler keeps time, and no source can stop it."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.result import Sample
from sureshot_lab.sampler.sampler import Sampler
from tests.lab.sampler.sources import Counting, Failing, values_of


async def test_samples_do_not_drift_however_long_a_read_takes() -> None:
    sampler = Sampler([Counting(takes_s=0.03)], every_s=0.1)
    await sampler.start()
    await asyncio.sleep(2.05)
    samples = await sampler.stop()
    # 0.0, 0.1, ... 2.0 and the last one; with drift it would be 16.
    assert 20 <= len(samples) <= 22
    assert samples[-2].at_s == pytest.approx(2.0, abs=0.09)
    assert values_of(samples, "counting.reads") == list(range(1, len(samples) + 1))


async def test_a_blocked_loop_costs_samples_and_makes_no_burst() -> None:
    sampler = Sampler([Counting()], every_s=0.1)
    await sampler.start()
    await asyncio.sleep(0.25)
    time.sleep(0.5)  # noqa: ASYNC251 - this is the point
    await asyncio.sleep(0.5)
    samples = await sampler.stop()
    gaps_s = [b.at_s - a.at_s for a, b in pairwise(samples)]
    assert min(gaps_s) > 0.04
    assert max(gaps_s) > 0.4
    assert max(values_of(samples, "sampler.lag_s")) == pytest.approx(0.45, abs=0.1)
    # Back on the beat: 0.8, 0.9, 1.0 ...
    assert samples[-2].at_s - samples[-2].values["sampler.lag_s"] == pytest.approx(
        round(samples[-2].at_s, 1), abs=0.001
    )


async def test_samples_begin_before_a_run_and_end_after_it() -> None:
    source = Counting()
    sampler = Sampler([source])
    before = datetime.now(UTC)
    await sampler.start()
    assert [sample.at_s for sample in sampler.samples] == [pytest.approx(0.0, abs=0.05)]
    assert sampler.started_at is not None
    assert before <= sampler.started_at <= datetime.now(UTC)
    samples = await sampler.stop()
    assert len(samples) == 2
    # Rates over less than that would be noise.
    assert samples[1].at_s >= 0.45
    assert source.closed
    assert await sampler.stop() == samples
    assert source.reads == 2


async def test_a_failing_source_stops_nothing_and_is_named_once() -> None:
    good, bad = Counting(), Failing("metrics")
    sampler = Sampler([bad, good], every_s=0.05)
    await sampler.start()
    assert len(sampler.problems) == 1
    await asyncio.sleep(0.3)
    bad.fails = False
    await asyncio.sleep(0.3)
    samples = await sampler.stop()
    assert values_of(samples, "counting.reads") == list(range(1, len(samples) + 1))
    recovered = values_of(samples, "metrics.reads")
    assert recovered[-1] == bad.reads
    assert len(recovered) >= 4
    (problem,) = sampler.problems
    failed = bad.reads - len(recovered)
    assert problem.startswith(f"metrics: failed {failed} of {bad.reads} reads, first 0.0 s after")
    assert "nobody there at read 1" in problem


async def test_a_slow_source_comes_late_and_keeps_nobody_waiting() -> None:
    slow, quick = Counting("slow", takes_s=0.35), Counting("quick")
    sampler = Sampler([slow, quick], every_s=0.1)
    await sampler.start()
    await asyncio.sleep(1.05)
    samples = await sampler.stop()
    assert values_of(samples, "quick.reads") == list(range(1, len(samples) + 1))
    assert len(samples) >= 11
    assert values_of(samples, "slow.reads") == [1.0, 2.0, 3.0]
    assert sampler.problems == []


async def test_a_source_that_never_answers_does_not_keep_a_run_from_ending() -> None:
    hanging = Counting("hanging", takes_s=3600)
    sampler = Sampler([hanging, Counting()], every_s=0.05)
    await sampler.start()
    await asyncio.sleep(0.2)
    began_s = time.monotonic()
    samples = await sampler.stop()
    assert time.monotonic() - began_s < 3
    assert values_of(samples, "counting.reads")
    assert hanging.closed
    (problem,) = sampler.problems
    assert re.fullmatch(
        r"hanging: failed 1 of 1 reads, first 0\.[2-9] s after the start: no answer in time",
        problem,
    )


async def test_a_live_view_is_told_each_sample_and_cannot_break_the_run() -> None:
    seen: list[Sample] = []
    reported: list[str] = []

    def watch(sample: Sample) -> None:
        seen.append(sample)
        if len(seen) == 2:
            raise ValueError("the terminal is gone")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: reported.append(str(context["exception"])))
    sampler = Sampler([Counting()], every_s=0.05, watch=watch)
    await sampler.start()
    await asyncio.sleep(0.3)
    samples = await sampler.stop()
    await asyncio.sleep(0)
    assert seen == samples
    assert len(seen) > 4
    assert reported == ["the terminal is gone"]


def test_a_period_must_be_above_zero() -> None:
    with pytest.raises(LabError, match="cannot look every 0 s"):
        Sampler([], every_s=0)
