"""A backlog for ever more workers: told from results, and emptied on real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.result import Sample, read_result
from sureshot_lab.runs.options import Options
from sureshot_lab.scale.drain import SLOTS, QueueDrain
from sureshot_lab.scale.emptying import drained, slots_used_share
from sureshot_lab.scale.queue_page import rows_of, waiting, write_page
from sureshot_lab.scale.queue_series import analyse, drained_step, run_series
from sureshot_lab.scale.series import Step
from tests.lab.scale.results import result_with
from tests.support.servers import fresh_database, fresh_queue


def _step(workers: int, per_s: float, **metrics: float) -> Step:
    every = {"drained_per_s": per_s, "emptied_after_s": 1000 / per_s, **metrics}
    return drained_step(workers, result_with(every, taken=[1000 / workers] * workers))


def test_the_rate_is_of_the_middle_of_the_arrivals() -> None:
    # Slow at both ends, 100 a second between: what starts and what runs dry is left out.
    arrived = [float(n) for n in range(20)]
    arrived += [20 + n / 100 for n in range(60)]
    arrived += [30.0 + n for n in range(20)]
    found = drained(arrived, -1.0)
    assert found["drained_per_s"] == pytest.approx(60 / 10)
    assert found["emptied_after_s"] == pytest.approx(50.0)
    steady = drained([n / 100 for n in range(100)], 0.0)
    assert steady["drained_per_s"] == pytest.approx(100)
    assert drained([], 0.0) == drained([1.0], 0.0) == drained([1.0] * 10, 0.0) == {}


def test_slots_used_are_told_only_where_they_were_seen() -> None:
    samples = [Sample(at_s=float(n), values={"metrics.in_flight": 5.0 * n}) for n in range(3)]
    assert slots_used_share(samples, 10) == {"slots_used_share": 0.5}
    assert slots_used_share([Sample(at_s=0.0, values={})], 10) == {}


def test_speed_up_efficiency_and_what_set_the_rate_are_told() -> None:
    steps = [_step(1, 190), _step(2, 370), _step(4, 400)]
    found = analyse(steps, _step(1, 195), SLOTS, 2)
    assert found.verdict.startswith("1 worker drains 190/s, 4 drain 400/s: 2.11 times as much")
    assert "1 with the queue in memory 195/s" in found.verdict
    assert found.series.scaled[1].efficiency == pytest.approx(370 / 190 / 2)
    remarks = " ".join(found.series.remarks)
    assert "2 cores for 4 workers" in remarks
    assert "at 1x, 2x the workers' slots set the rate" in remarks
    assert "was drained: 4x 50 %" in remarks
    assert [step.jain for step in steps] == pytest.approx([1.0, 1.0, 1.0])


def test_workers_that_were_not_fed_and_what_is_left_or_lost_are_told() -> None:
    steps = [_step(1, 100, slots_used_share=0.4), _step(2, 200, backlog_left=3.0, lost=2.0)]
    remarks = " ".join(analyse(steps, None, SLOTS, None).series.remarks)
    assert "workers had webhooks in 1x 40 % of their slots" in remarks
    assert "2x did not end empty: 3 in the backlog, 0 in the queue, 2 lost" in remarks


def test_what_waits_falls_from_the_whole_backlog_to_nothing() -> None:
    metrics = {"resumed_at_s": 2.5, "backlog_built": 300.0}
    points = waiting(result_with(metrics, delivered=[0, 0, 0, 100, 150, 50]))
    assert points[0] == (0.0, 300.0)
    assert points[-1] == (3.5, 0.0)
    assert [value for _at, value in points] == [300.0, 300.0, 200.0, 50.0, 0.0]


def test_the_page_has_law_and_ideal_beside_what_was_measured(tmp_path: Path) -> None:
    rates = {1: 100, 2: 182, 4: 308, 6: 400, 8: 455}
    found = analyse([_step(n, rate) for n, rate in rates.items()], None, SLOTS, None)
    assert found.series.held is not None
    assert found.series.held.error == pytest.approx(0.0, abs=0.1)
    page = write_page(tmp_path, found).read_text()
    for line in ("ideal", "fitted law", "measured", "predicted from the others"):
        assert page.count(f'data-name="{line}"') == 3, line
    assert "the law predicts" in page
    assert len(rows_of(found)) == 5


async def test_a_queue_nobody_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="must be rabbitmq or memory"):
        await QueueDrain(500, Options(runs=tmp_path)).step(1, "pigeons")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.alone
async def test_two_workers_empty_a_backlog_faster_than_one_and_lose_nothing(tmp_path: Path) -> None:
    async with fresh_database(), fresh_queue():
        pass  # It skips where there is no server.
    driver = QueueDrain(500, Options(runs=tmp_path, engine="native"))
    steps, beside = await run_series(driver, [1, 2], tmp_path / "results")
    assert beside is not None
    for name, step in {"queue-1x": steps[0], "queue-2x": steps[1], "queue-memory": beside}.items():
        kept = read_result(tmp_path / "results" / f"{name}.json")
        assert kept.metrics["drained_per_s"] == step.per_s
        # The whole backlog was there before the first was sent, and all of it arrived.
        assert kept.metrics["backlog_built"] == kept.metrics["delivered"] == 500
        assert kept.metrics["backlog_left"] == kept.metrics["queue_left"] == 0
        assert kept.metrics["lost"] == kept.metrics["pending"] == 0
        resumed_at_s = kept.metrics["resumed_at_s"]
        assert not sum(one.delivered for one in kept.intervals if one.at_s + 1 < resumed_at_s)
        # No more than its slots allow a worker: 20 at 100 ms each.
        assert 20 < step.per_s <= 1.05 * step.replicas * SLOTS / 0.1
        rows = next(table.rows for table in kept.tables if table.name == "takes")
        assert len(rows) == step.replicas
        assert step.jain is not None
        assert step.jain > 0.8
    assert steps[1].per_s > 1.2 * steps[0].per_s
