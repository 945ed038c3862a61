"""What is about to be run, and what it will take: arrivals, requests at once, processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sureshot_lab.errors import LabError
from sureshot_lab.load.engines import choose_engine
from sureshot_lab.load.generator import MOST_CONNECTIONS
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.tenants import refuse_tenants
from sureshot_lab.scenario import Behaviour, FaultKind, Model, Scenario
from sureshot_lab.traffic.bursts import arrivals

TIMEOUT_S = 15.0
"""So long the service waits for a receiver that never answers, unless it is set otherwise."""
QUICK_S = 0.1
"""So long at most a receiver takes that answers at once."""
STALL_S = 1.0
"""A service may stand still so long (a checkpoint, a restart) while submissions pile up."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run to be, with the folders and the Prometheus that belong to it.

    Raises:
        LabError: the scenario has no stage, or tenants it cannot have.

    """

    scenario: Scenario
    options: Options
    baselines: Path = Path("baselines")
    rules: Path = Path("prometheus/rules")
    prometheus: str | None = None

    def __post_init__(self) -> None:
        if not self.scenario.load.stages:
            raise LabError("load.stages is empty; [[60, 170, 170]] is a minute of 170 a second")
        refuse_tenants(self.scenario, own=self.own)

    @property
    def engine(self) -> str:
        """The engine the run would take; raises ``LabError`` for an unknown one."""
        asked, scenario = self.options.engine, self.scenario
        asked = asked if asked != "auto" else scenario.engine
        return choose_engine(
            asked, scenario.load.peak_per_s, scenario.kind, scenario.endpoints.tenants
        )

    @property
    def own(self) -> bool:
        """Whether the run has a service of its own."""
        return self.options.target is None

    @property
    def processes(self) -> int:
        """How many processes the run's own service has; 0 without one."""
        service = self.scenario.service
        if not self.own:
            return 0
        if service.profile == "embedded":
            return 1
        return service.workers + (service.api + 1 if service.profile == "cluster" else 0)

    @property
    def webhooks(self) -> float | None:
        """How many will be submitted; None where the answers or a search decide."""
        load = self.scenario.load
        if self.scenario.kind != "load" or load.model is Model.CLOSED:
            return None
        return arrivals(load.stages)

    @property
    def submitting(self) -> int:
        """How many submissions may be under way at once: as many as the generators connect."""
        load = self.scenario.load
        if load.model is Model.CLOSED:
            return load.connections
        return min(round(self._peak_per_s * STALL_S), MOST_CONNECTIONS * load.generators)

    @property
    def in_flight(self) -> int:
        """How many requests the receivers may hold at once: rate by time (Little's law)."""
        scenario, load = self.scenario, self.scenario.load
        held_s = max(QUICK_S, self._held_s)
        expected = (
            load.connections if load.model is Model.CLOSED else round(self._peak_per_s * held_s)
        )
        caps = [expected]
        if isinstance(most := scenario.service.settings.get("max_in_flight"), int):
            caps.append(most)
        if scenario.endpoints.max_in_flight is not None:
            caps.append(scenario.endpoints.max_in_flight * scenario.endpoints.count)
        return min(caps)

    @property
    def command(self) -> str:
        """The command that makes the run, without where to and with which tokens."""
        parts = ["sureshot lab run", self.scenario.name]
        if self.scenario.size == "smoke":
            parts.append("--smoke")
        if self.options.environment != "local":
            parts.append(f"--environment {self.options.environment}")
        return " ".join(parts)

    @property
    def _peak_per_s(self) -> float:
        scenario = self.scenario
        return (
            scenario.search.most_per_s
            if scenario.kind == "breakpoint"
            else scenario.load.peak_per_s
        )

    @property
    def _held_s(self) -> float:
        told = self.scenario.service.settings.get("timeout_s")
        timeout_s = TIMEOUT_S if told is None or isinstance(told, str) else float(told)
        if any(fault.kind is FaultKind.SINK_HANGS for fault in self.scenario.fault):
            return timeout_s
        return sum(
            one.share * min(timeout_s, _takes_s(one, timeout_s))
            for one in self.scenario.sink.behaviour
        )


def _takes_s(behaviour: Behaviour, timeout_s: float) -> float:
    if behaviour.hang:
        return timeout_s
    return behaviour.delay_s if behaviour.delay_p95_s is None else behaviour.delay_p95_s
