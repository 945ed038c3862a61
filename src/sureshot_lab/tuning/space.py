"""What is searched: the knobs that matter to a profile, the values tried, and why."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from sureshot_lab.errors import LabError
from sureshot_lab.scenario import Scenario
from sureshot_lab.tuning.beginning import DEFAULTS, Beginning

SETTINGS = "service.settings."
PROCESSES = ("service.api", "service.workers")
MOST_PROCESSES = 8
SERVERS = ("postgres", "cluster")
EVERY = ("embedded", *SERVERS)

Point = dict[str, int]
"""A value for each dimension, by its name."""


@dataclass(frozen=True)
class Dimension:
    """One knob. *name* is that of a scenario's field; *values* are in the order of their effect.

    Values are apart by a factor of two or more: nearer ones differ by less than two runs
    of the same settings do.
    """

    name: str
    values: tuple[int, ...]
    why: str
    profiles: tuple[str, ...] = EVERY

    @property
    def setting(self) -> str | None:
        """The name in sureshot.toml, None for a count of processes."""
        return self.name.removeprefix(SETTINGS) if self.name.startswith(SETTINGS) else None

    @property
    def title(self) -> str:
        """How people know it."""
        return self.name.rpartition(".")[2]

    def holding(self, value: int) -> Dimension:
        """Return the dimension with *value* among its values."""
        if value in self.values:
            return self
        at = next((n for n, one in enumerate(self.values) if one > value), len(self.values))
        return replace(self, values=(*self.values[:at], value, *self.values[at:]))


KNOWN = (
    Dimension(
        "service.settings.max_in_flight",
        (50, 100, 250, 500, 1000, 2500, 5000, 10_000, 20_000),
        "webhooks a process delivers at once. Few: the receivers' latency is the limit; many: "
        "memory and connections. With RabbitMQ the prefetch follows it, a message for 50 "
        "(4 to 128 messages of up to 100 webhooks)",
    ),
    Dimension(
        "service.settings.max_in_flight_per_endpoint",
        # 0 is no cap: the most.
        (8, 32, 128, 512, 0),
        "a cap keeps the connections to an endpoint few and in use; too low a one makes its "
        "webhooks wait",
    ),
    Dimension(
        "service.settings.queue_limit",
        (250, 1000, 4000, 10_000, 40_000),
        "leases that wait in front of the workers. What does not fit waits in the store, and "
        "is leased by a query of its own",
    ),
    Dimension(
        "service.settings.intake_limit",
        (100, 500, 2000, 10_000, 40_000),
        "submissions that wait for their commit. Many: latency in a burst; few: refusals",
        ("embedded",),
    ),
    Dimension(
        "service.settings.database_pool",
        (2, 4, 8, 16, 32),
        "PostgreSQL connections of a process. Few: commits wait for each other; many: they "
        "contend for the server's CPU, and commit smaller batches",
        SERVERS,
    ),
    Dimension(
        "service.workers",
        (1, 2, 3, 4, 6, 8),
        "processes that deliver (with postgres: that do everything)",
        SERVERS,
    ),
    Dimension("service.api", (1, 2, 3, 4), "processes that answer submissions", ("cluster",)),
)
"""Left out: what limits memory (``*_bytes``, ``backlog_limit``), what is a promise to users
(timeouts, leases, schedules), and ``express``, which is only dearer when off."""


@dataclass(frozen=True)
class Space:
    """The dimensions of a search, and the point it begins at, with what that is called."""

    dimensions: tuple[Dimension, ...]
    start: Point
    start_name: str = DEFAULTS

    @property
    def size(self) -> int:
        """How many points there are."""
        return prod(len(one.values) for one in self.dimensions)


def space_of(scenario: Scenario, fixed: Mapping[str, object], begin: Beginning) -> Space:
    """Return what is searched for *scenario*, from the settings of *begin* on.

    What the scenario itself or the user sets (*fixed*, by dotted name) stays as it is.

    Raises:
        LabError: nothing is left to search.

    """
    told = {*fixed, *(f"{SETTINGS}{name}" for name in scenario.service.settings)}
    cores = len(os.sched_getaffinity(0))
    chosen = [
        _of_machine(one, cores)
        for one in KNOWN
        if scenario.service.profile in one.profiles and one.name not in told
    ]
    # A build that lacks a setting is not asked to have it.
    chosen = [one for one in chosen if one.setting is None or one.setting in begin.settings]
    if not chosen:
        raise LabError(
            f"nothing is left to tune: scenario {scenario.name} and --set tell every knob of the "
            f"profile {scenario.service.profile}"
        )
    start = {one.name: _start(one, scenario, begin) for one in chosen}
    return Space(tuple(one.holding(start[one.name]) for one in chosen), start, begin.name)


def changed(space: Space, point: Point) -> Point:
    """Return what in *point* is not as at the start."""
    return {name: value for name, value in point.items() if value != space.start[name]}


def in_words(space: Space, point: Point) -> str:
    """Return how *point* differs from the start: ``max_in_flight 500, workers 2``."""
    titles = {one.name: one.title for one in space.dimensions}
    told = [f"{titles[name]} {value}" for name, value in changed(space, point).items()]
    return ", ".join(told) or space.start_name


def _of_machine(one: Dimension, cores: int) -> Dimension:
    """Return *one* with no more processes than a machine of so many cores can use."""
    if one.name not in PROCESSES:
        return one
    most = min(MOST_PROCESSES, cores + 1)
    return replace(one, values=_up_to(one.values, most))


def _up_to(values: Sequence[int], most: int) -> tuple[int, ...]:
    return tuple(value for value in values if value <= most)


def _start(one: Dimension, scenario: Scenario, begin: Beginning) -> int:
    if one.setting is not None:
        return int(begin.settings[one.setting])
    return int(getattr(scenario.service, one.title))
