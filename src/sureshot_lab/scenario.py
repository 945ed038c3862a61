"""Scenarios as data: what is offered, to whom, with which faults, held against which gates.

A scenario is a TOML file in ``scenarios/``; its stem is its name. ``[smoke]``
holds what differs in the small size, by dotted name (``"load.duration_s" = 5``).
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.result import Gate

FOLDER = Path(__file__).with_name("scenarios")

Stage = tuple[float, float, float]
"""Seconds, arrivals a second at its start, and at its end; straight between."""


class Model(StrEnum):
    """Who decides when a request leaves: the schedule, or the answer to the one before."""

    OPEN = "open"
    CLOSED = "closed"


class Kind(StrEnum):
    """What a scenario does: one load, a search for a limit, or a look at every route."""

    LOAD = "load"
    BREAKPOINT = "breakpoint"
    ROUTES = "routes"


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: an unknown key is an error that names it."""


class Load(_Table, frozen=True, kw_only=True):
    """How much is offered. ``stages``: [seconds, start rate, end rate], after ``warm_up_s``.

    ``connections`` is how many clients a closed model has. ``worst_s``: how long an
    answer may take before an arrival counts as dropped.
    """

    stages: list[Stage]
    model: Model = Model.OPEN
    warm_up_s: float = 3.0
    connections: int = 64
    worst_s: float = 10.0
    generators: int = 1

    @property
    def duration_s(self) -> float:
        """How long it is offered, warm-up not counted."""
        return sum(duration_s for duration_s, _from, _to in self.stages)

    @property
    def peak_per_s(self) -> float:
        """The highest rate."""
        return max(max(start, end) for _duration_s, start, end in self.stages)


class Search(_Table, frozen=True, kw_only=True):
    """A search for the highest rate that keeps the promises: doubling, then bisecting."""

    start_per_s: float = 500.0
    most_per_s: float = 60_000.0
    step_s: float = 8.0
    precision: float = 0.05
    repeats: int = 3


class Payload(_Table, frozen=True, kw_only=True):
    """What is sent: kinds of ``traffic/payloads.py`` and their shares.

    *seed*: payloads, whom each goes to, and how receivers behave are drawn from it.
    """

    mix: dict[str, float] = msgspec.field(
        default_factory=lambda: {"user.created": 0.4, "order.completed": 0.4, "payment.failed": 0.2}
    )
    seed: int = 1


class Endpoints(_Table, frozen=True, kw_only=True):
    """Who receives: so many endpoints, the n-th with a share of 1/n^zipf (0: all alike).

    They belong to so many ``tenants``, of sizes by Zipf; each is submitted to with the
    token of its own. With 1 all is the default tenant's.
    """

    count: int = 20
    zipf: float = 1.1
    tenants: int = 1
    by_url: bool = False
    max_in_flight: int | None = None


class Behaviour(_Table, frozen=True, kw_only=True):
    """How a share of the endpoints answers, in the sink.

    Latency is log-normal with the median ``delay_s`` and the 95th percentile
    ``delay_p95_s`` (left out: always ``delay_s``). ``failure_share`` answers
    ``status``, with ``retry_after_s`` if given. ``hang`` never answers, ``reset``
    cuts the connection. ``flap_s``: so long well, then so long as told here.
    ``capacity``: so many are worked on at a time, for ``delay_s`` each; further ones
    wait in line, and when ``queue`` wait, the next is answered ``status`` at once.
    """

    share: float
    delay_s: float = 0.0
    delay_p95_s: float | None = None
    failure_share: float = 0.0
    status: int = 503
    retry_after_s: int | None = None
    hang: bool = False
    reset: bool = False
    flap_s: float | None = None
    capacity: int | None = None
    queue: int | None = None


class Sink(_Table, frozen=True, kw_only=True):
    """The receivers: *behaviour* by shares of the endpoints, the rest answers 200 at once."""

    behaviour: list[Behaviour] = []
    verify: bool = True


class FaultKind(StrEnum):
    """What is done to our own service in the run."""

    STOP = "stop"
    """SIGSTOP for ``duration_s``, then SIGCONT."""
    KILL = "kill"
    """SIGKILL of a process of ``role``; what watches over it starts it again."""
    RESTART = "restart"
    """SIGTERM, drain, and a new start."""
    SINK_FAILS = "sink-fails"
    """Every endpoint answers 503 for ``duration_s``."""
    SINK_HANGS = "sink-hangs"
    """No endpoint answers for ``duration_s``."""
    DISK_GROWS = "disk-grows"
    """The small disk of ``service.disk_bytes`` becomes eight times as large."""


class Fault(_Table, frozen=True, kw_only=True):
    """One thing that goes wrong, *at_s* seconds after the warm-up.

    A service that was killed or restarted and does not answer ``within_s`` breaks the run off.
    """

    kind: FaultKind
    at_s: float
    duration_s: float = 1.0
    within_s: float = 60.0
    role: str = "all"


class Service(_Table, frozen=True, kw_only=True):
    """Our own service: profile, processes, settings by name (``max_in_flight``), limits.

    ``profile``: embedded, postgres or cluster. ``memory_bytes``, ``descriptors`` and
    ``disk_bytes`` are what it gets; ``disk_bytes`` needs a small file system of its own, for
    the SQLite file or for PostgreSQL's tables and indexes (its WAL lies elsewhere).
    ``python`` is the interpreter whose Sureshot is run, to measure another build.
    ``required``: the settings are the question, so a target can't take this one's place.
    """

    profile: str = "embedded"
    python: str = ""
    api: int = 1
    workers: int = 1
    settings: dict[str, str | int | float] = {}
    memory_bytes: int | None = None
    descriptors: int | None = None
    disk_bytes: int | None = None
    required: bool = False


class OwnGate(_Table, frozen=True, kw_only=True):
    """A gate of this scenario alone, on a name of the run's ``metrics``."""

    metric: str
    comparison: str
    limit: float
    title: str
    unit: str = ""


class Gates(_Table, frozen=True, kw_only=True):
    """Names of targets.toml, and the scenario's own."""

    targets: list[str] = []
    own: list[OwnGate] = []


class Scenario(_Table, frozen=True, kw_only=True):
    """One scenario. ``drain_s``: how long after the load everything must have arrived.

    ``share`` is of production's capacity, what the environment has: the rates are multiplied
    by it already, limits are by ``runs.outcome.gates_of``.
    """

    title: str
    about: str
    load: Load
    kind: Kind = Kind.LOAD
    engine: str = "auto"
    search: Search = Search()
    payload: Payload = Payload()
    endpoints: Endpoints = Endpoints()
    sink: Sink = Sink()
    fault: list[Fault] = []
    service: Service = Service()
    gates: Gates = Gates()
    drain_s: float = 30.0
    name: str = ""
    size: str = "full"
    share: float = 1.0

    def own_gates(self) -> list[Gate]:
        """Return the scenario's own gates, not held against anything yet."""
        return [
            Gate(
                name=gate.metric.replace("_", "-"),
                metric=gate.metric,
                comparison=gate.comparison,
                limit=gate.limit,
                unit=gate.unit,
                source="scenario",
                title=gate.title,
            )
            for gate in self.gates.own
        ]


ENVIRONMENTS = {"local": 1.0, "staging": 0.25, "loadtest": 1.0, "production-like": 1.0}
"""The share of production's capacity each has; rates, and how many at least, are multiplied
by it."""


def scenario_names(folder: Path = FOLDER) -> list[str]:
    """Return the names there are, sorted."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def load_scenario(
    name: str,
    *,
    smoke: bool = False,
    environment: str = "local",
    changes: dict[str, Any] | None = None,
    folder: Path = FOLDER,
) -> Scenario:
    """Read the scenario called *name*, or the file if *name* ends in ``.toml``.

    *changes* are set last, by dotted name. Raises ``LabError`` for an unknown
    name or environment, and for a file that is not right, saying where.
    """
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if environment not in ENVIRONMENTS:
        raise LabError(f"environment {environment}: must be one of {', '.join(ENVIRONMENTS)}")
    try:
        tables = msgspec.toml.decode(path.read_bytes())
    except FileNotFoundError:
        known = ", ".join(scenario_names(folder))
        raise LabError(f"no scenario is called {name!r}; there are {known}") from None
    except (OSError, msgspec.DecodeError) as error:
        raise LabError(f"{path}: {error}") from None
    small = tables.pop("smoke", {})
    for key, value in {**(small if smoke else {}), **(changes or {})}.items():
        _set(tables, key, value)
    share = ENVIRONMENTS[environment]
    tables |= {"name": path.stem, "size": "smoke" if smoke else "full", "share": share}
    try:
        scenario = msgspec.convert(tables, Scenario)
    except msgspec.ValidationError as error:
        raise LabError(f"{path}: {error}") from None
    return _scaled(scenario)


def _set(tables: dict[str, Any], dotted: str, value: object) -> None:
    *path, last = dotted.split(".")
    for part in path:
        tables = tables.setdefault(part, {})
    tables[last] = value


def _scaled(scenario: Scenario) -> Scenario:
    """Return *scenario* with its share of every rate, those of a search included."""
    share, search = scenario.share, scenario.search
    if share == 1.0:
        return scenario
    stages = [(seconds, a * share, b * share) for seconds, a, b in scenario.load.stages]
    return msgspec.structs.replace(
        scenario,
        load=msgspec.structs.replace(scenario.load, stages=stages),
        search=msgspec.structs.replace(
            search,
            start_per_s=search.start_per_s * share,
            most_per_s=search.most_per_s * share,
        ),
    )
