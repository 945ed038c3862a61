"""The search by itself, on functions whose best point is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sureshot_lab.tuning.objective import Objective
from sureshot_lab.tuning.search import Search, best_of, search_through
from sureshot_lab.tuning.space import Dimension, Point, Space
from sureshot_lab.tuning.trial import Trial
from tests.lab.tuning.results import IN_FLIGHT, QUEUE, SPACE, VALUES, a_trial

Figure = Callable[[int, Point], Trial | None]


def _far(point: Point) -> float:
    """How far a point is from the best, which is 500 in flight and a queue of 2500."""
    return (VALUES.index(point[IN_FLIGHT]) - 3) ** 2 + (VALUES.index(point[QUEUE]) - 5) ** 2


def _measured(number: int, point: Point) -> Trial:
    return a_trial(number, point, 100.0 + 10 * _far(point))


async def _searched(
    figure: Figure, trials: int, *, seed: int = 1, space: Space = SPACE,
    objective: Objective = Objective.CPU, stop: asyncio.Event | None = None,
) -> tuple[Search, list[Trial]]:  # fmt: skip
    async def measure(number: int, point: Point) -> Trial | None:
        return figure(number, point)

    search = Search(space, objective, trials, seed)
    return search, await search_through(search, measure, trials, stop or asyncio.Event())


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_best_of_81_points_is_found_in_40_trials(seed: int) -> None:
    _search, trials = await _searched(_measured, 40, seed=seed)
    best = best_of(trials, Objective.CPU)
    assert best is not None
    assert best.point == {IN_FLIGHT: 500, QUEUE: 2500}


async def test_more_is_better_where_the_objective_says_so() -> None:
    def goodput(number: int, point: Point) -> Trial:
        return a_trial(number, point, 1000.0 - 10 * _far(point))

    _search, trials = await _searched(goodput, 40, objective=Objective.GOODPUT)
    best = best_of(trials, Objective.GOODPUT)
    assert best is not None
    assert best.point == {IN_FLIGHT: 500, QUEUE: 2500}


async def test_points_that_miss_gates_never_win_and_are_soon_left_alone() -> None:
    def gated(number: int, point: Point) -> Trial:
        # The fewer in flight the better the figure: but below 1000 a gate is missed.
        place = VALUES.index(point[IN_FLIGHT])
        return a_trial(number, point, 100.0 + 10 * place, violation=max(0.0, 0.2 * (4 - place)))

    _search, trials = await _searched(gated, 40)
    best = best_of(trials, Objective.CPU)
    assert best is not None
    assert best.point[IN_FLIGHT] == 1000
    assert any(trial.violation for trial in trials)
    missed_late = sum(trial.violation > 0 for trial in trials[20:])
    assert missed_late < 10, [trial.point for trial in trials[20:]]


async def test_the_defaults_are_first_and_win_when_nothing_is_better() -> None:
    def worse(number: int, point: Point) -> Trial:
        moved = point != SPACE.start
        return a_trial(number, point, 110.0 if moved else 100.0)

    for figure in (worse, lambda number, point: a_trial(number, point, 100.0)):
        _search, trials = await _searched(figure, 12)
        assert trials[0].point == SPACE.start
        best = best_of(trials, Objective.CPU)
        assert best is not None
        assert best.number == 0


async def test_the_same_seed_tries_the_same_points_and_none_twice() -> None:
    tried = [
        [trial.point for trial in (await _searched(_measured, 30, seed=seed))[1]]
        for seed in (7, 7, 8)
    ]
    assert tried[0] == tried[1] != tried[2]
    assert len({tuple(point.items()) for point in tried[0]}) == 30


async def test_it_ends_when_every_point_was_tried() -> None:
    space = Space((Dimension(IN_FLIGHT, (5, 50, 500), ""),), {IN_FLIGHT: 50})
    _search, trials = await _searched(
        lambda number, point: a_trial(number, point, float(point[IN_FLIGHT])), 20, space=space
    )
    assert sorted(trial.point[IN_FLIGHT] for trial in trials) == [5, 50, 500]


async def test_runs_without_a_figure_are_no_candidates_and_do_not_end_it() -> None:
    _search, trials = await _searched(lambda number, point: a_trial(number, point, None), 15)
    assert len(trials) == 15
    assert best_of(trials, Objective.CPU) is None


async def test_it_stops_with_what_there_is() -> None:
    stop = asyncio.Event()

    def third(number: int, point: Point) -> Trial | None:
        if number == 2:
            stop.set()
            return None
        return _measured(number, point)

    _search, trials = await _searched(third, 20, stop=stop)
    assert [trial.number for trial in trials] == [0, 1]


async def test_importance_tells_what_matters_from_what_does_not() -> None:
    def of_one(number: int, point: Point) -> Trial:
        noise = (7 * number % 5) / 100
        return a_trial(number, point, 100.0 + 10 * VALUES.index(point[IN_FLIGHT]) + noise)

    search, _trials = await _searched(of_one, 40)
    importance = search.importance()
    assert importance[IN_FLIGHT] > 2 * importance[QUEUE]
    assert sum(importance.values()) == pytest.approx(1)
    few, _trials = await _searched(_measured, 4)
    assert few.importance() == {}
