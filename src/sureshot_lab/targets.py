"""The targets the service is held against, read from the one file that holds them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.result import Gate

FILE = Path(__file__).with_name("targets.toml")
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One figure a run is held against: ``metrics[metric] comparison limit``."""

    name: str
    title: str
    metric: str
    comparison: str
    limit: float
    unit: str
    source: str
    measured: str


class Resource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gauge with the value to stay under, the hard limit, and the value that alerts."""

    name: str
    title: str
    metric: str
    target: float
    limit: float
    alert: float
    unit: str
    source: str
    expression: str


class Targets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Both tables."""

    target: list[Target]
    resource: list[Resource]

    def gate(self, name: str) -> Gate:
        """Return the gate called *name*; raises ``LabError`` for an unknown one."""
        for target in self.target:
            if target.name == name:
                return Gate(
                    name=name,
                    metric=target.metric,
                    comparison=target.comparison,
                    limit=target.limit,
                    unit=target.unit,
                    source=target.source,
                    title=target.title,
                )
        for resource in self.resource:
            if resource.name == name:
                return Gate(
                    name=name,
                    metric=resource.metric,
                    comparison="<",
                    limit=resource.target,
                    unit=resource.unit,
                    source=resource.source,
                    title=resource.title,
                )
        known = ", ".join([t.name for t in self.target] + [r.name for r in self.resource])
        raise LabError(f"no target is called {name!r}; targets.toml has {known}")


@cache
def load_targets(path: Path = FILE) -> Targets:
    """Read the targets; raises ``LabError`` when the file is not right."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Targets)
    except (OSError, msgspec.DecodeError) as error:
        raise LabError(f"{path}: {error}") from None


def hold(gates: Iterable[Gate], metrics: Mapping[str, float]) -> list[Gate]:
    """Return *gates* with what was measured, and whether it is good enough."""
    return [_held(gate, metrics.get(gate.metric)) for gate in gates]


def _held(gate: Gate, value: float | None) -> Gate:
    passed = None if value is None else COMPARISONS[gate.comparison](value, gate.limit)
    return msgspec.structs.replace(gate, value=value, passed=passed)
