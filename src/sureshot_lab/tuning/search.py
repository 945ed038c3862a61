"""The search itself: which point is tried next, by what the points before came to.

TPE (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", 2011) as optuna has it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

import optuna
from optuna.trial import TrialState as Ended

from sureshot_lab.tuning.objective import Objective
from sureshot_lab.tuning.space import Point, Space
from sureshot_lab.tuning.trial import Trial, TrialState

ASKS = 20
"""So often it is asked again for a point that was not tried yet."""
FEWEST_DRAWN = 4
DRAWN_SHARE = 4
"""One of so many trials is drawn before the model is asked: it must have something to go by."""
FEWEST_RANKED = 8
"""With fewer trials an importance is a coincidence."""

Measure = Callable[[int, Point], Awaitable[Trial | None]]
"""Measures the point as the trial of that number; None: stopped."""


class Search:
    """Points to try, the start first, none twice. The same *seed* draws the same ones.

    A trial that missed gates tells the model where not to look (a constraint); its figure
    competes with no candidate's.
    """

    def __init__(self, space: Space, objective: Objective, trials: int, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        drawn = max(FEWEST_DRAWN, trials // DRAWN_SHARE)
        self._space = space
        self._objective = objective
        self._study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=drawn),
            direction="maximize" if objective.higher_is_better else "minimize",
        )
        # Places among the values: the model sees what is next to what, not by how much.
        self._places: dict[str, optuna.distributions.BaseDistribution] = {
            one.name: optuna.distributions.IntDistribution(0, len(one.values) - 1)
            for one in space.dimensions
        }
        self._tried: set[tuple[int, ...]] = set()
        self._random = random.Random(seed)  # noqa: S311 - a draw, no secret
        self._asked: optuna.Trial | None = None
        self._enqueue([one.values.index(space.start[one.name]) for one in space.dimensions])

    def ask(self) -> Point | None:
        """Return the next point; None when all have been tried."""
        if len(self._tried) == self._space.size:
            return None
        for asked in range(ASKS + 1):
            if asked == ASKS:
                self._enqueue(self._draw())
            trial = self._study.ask(self._places)
            places = tuple(trial.params[one.name] for one in self._space.dimensions)
            if places not in self._tried:
                break
            self._study.tell(trial, state=Ended.FAIL)
        self._tried.add(places)
        self._asked = trial
        return {
            one.name: one.values[place]
            for one, place in zip(self._space.dimensions, places, strict=True)
        }

    def tell(self, measured: Trial) -> None:
        """Take in what the point that was asked for last came to."""
        trial = self._asked
        if trial is None:
            raise RuntimeError("a trial is told that was not asked for")
        trial.set_constraint("gates", measured.violation)
        if measured.value is None:
            self._study.tell(trial, state=Ended.PRUNED)
        else:
            self._study.tell(trial, measured.value)
        self._asked = None

    def importance(self) -> dict[str, float]:
        """Return how much of the difference each dimension makes, together 1 (PED-ANOVA).

        Empty with too few trials, or where all came to the same.
        """
        done = self._study.get_trials(deepcopy=False, states=[Ended.COMPLETE])
        if len(done) < FEWEST_RANKED or len({one.value for one in done}) < FEWEST_RANKED:
            return {}
        found = optuna.importance.get_param_importances(self._study)
        return {name: float(share) for name, share in found.items()}

    def _enqueue(self, places: Sequence[int]) -> None:
        self._study.enqueue_trial(
            {one.name: place for one, place in zip(self._space.dimensions, places, strict=True)}
        )

    def _draw(self) -> list[int]:
        while True:
            places = [self._random.randrange(len(one.values)) for one in self._space.dimensions]
            if tuple(places) not in self._tried:
                return places


async def search_through(
    search: Search, measure: Measure, trials: int, stop: asyncio.Event
) -> list[Trial]:
    """Measure up to *trials* points; fewer when there are no more or *stop* is set."""
    done: list[Trial] = []
    while len(done) < trials and not stop.is_set():
        point = search.ask()
        if point is None:
            break
        trial = await measure(len(done), point)
        if trial is None:
            break
        search.tell(trial)
        done.append(trial)
    return done


def best_of(trials: Sequence[Trial], objective: Objective) -> Trial | None:
    """Return the candidate with the best figure; of equal ones the earliest, so the start."""
    best: Trial | None = None
    for trial in trials:
        if trial.state is not TrialState.CANDIDATE or trial.value is None:
            continue
        if best is None or best.value is None or objective.better(trial.value, best.value):
            best = trial
    return best
