"""What a load of several rates shows of a service that has too much to do."""

from __future__ import annotations

import msgspec
import pytest

from sureshot_lab.result import Gate, Interval
from sureshot_lab.runs.outcome import gates_of
from sureshot_lab.runs.overload import overload_of
from sureshot_lab.scenario import Load, load_scenario
from sureshot_lab.targets import hold
from tests.lab.analysis.runs import seconds

STRESS = load_scenario("stress")
OFFERED = [rate for lasts_s, rate, _to in STRESS.load.stages for _n in range(int(lasts_s))]


def overloaded(*, best: int, collapsed: int) -> list[Interval]:
    """Return the seconds of ``stress``: all is delivered up to *best*, of 12,000 only *collapsed*.

    Afterwards a backlog is emptied for six seconds, at twice the best.
    """
    after_s = len(OFFERED) - 20
    plain = seconds(len(OFFERED), rate=lambda s: OFFERED[int(s)])
    return [
        msgspec.structs.replace(
            one,
            delivered=2 * best
            if after_s <= one.at_s < after_s + 6
            else collapsed
            if one.intended == 12_000
            else min(one.intended, best),
        )
        for one in plain
    ]


def gate_of(metrics: dict[str, float]) -> Gate:
    return next(g for g in hold(gates_of(STRESS), metrics) if g.metric == "goodput_kept_share")


@pytest.mark.parametrize(
    ("best", "collapsed", "share", "passed"),
    [(3859, 1574, 0.408, False), (3859, 3781, 0.980, True), (9500, 9500, 1.0, True)],
)
def test_stress_fails_when_goodput_collapses(
    best: int, collapsed: int, share: float, passed: bool
) -> None:
    found = overload_of(STRESS.load, overloaded(best=best, collapsed=collapsed))
    assert found.metrics["goodput_kept_share"] == pytest.approx(share, abs=0.001)
    assert gate_of(found.metrics).passed is passed
    (table,) = found.tables
    assert [row[:2] for row in table.rows][-2:] == [[12_000, collapsed], [1000, 1000]]


def test_a_machine_that_follows_every_rate_has_not_been_stressed() -> None:
    found = overload_of(STRESS.load, overloaded(best=12_000, collapsed=12_000))
    assert (found.metrics, found.tables) == ({}, [])
    assert gate_of(found.metrics).passed is None


def test_a_ramp_is_no_stage() -> None:
    load = Load(stages=[(10, 100, 100), (10, 100, 4000), (10, 4000, 4000)])
    plain = seconds(30, rate=lambda s: 100 if s < 10 else 4000)
    found = overload_of(load, [msgspec.structs.replace(one, delivered=90) for one in plain])
    assert [row[0] for row in found.tables[0].rows] == [100, 4000]
