"""One line of a checklist: what was looked at, what was found, and whether that will do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec


class State(StrEnum):
    """How one check ended, the worst first."""

    FAILED = "failed"
    """A run would break off, or its figures would be worth nothing."""
    WARNING = "warning"
    """It can be run; something will be missing or worse than it could be."""
    OK = "ok"
    NOT_APPLICABLE = "not applicable"
    """The scenario does not need it, or the machine does not tell."""


ORDER = list(State)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """``evidence``: what was found, as a sentence; ``remedy``: what to do unless it is well."""

    name: str
    title: str
    state: State
    evidence: str
    remedy: str = ""


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list, as bad as the worst of its checks."""

    title: str
    state: State
    checks: list[Check]


class Subject(NamedTuple):
    """What is looked at; makes the check that tells how it was found."""

    name: str
    title: str

    def ok(self, evidence: str) -> Check:
        """Return that all is well."""
        return self._check(State.OK, evidence)

    def warning(self, evidence: str, remedy: str) -> Check:
        """Return that it will do, though not as it should be."""
        return self._check(State.WARNING, evidence, remedy)

    def failed(self, evidence: str, remedy: str = "") -> Check:
        """Return that it will not do."""
        return self._check(State.FAILED, evidence, remedy)

    def not_applicable(self, evidence: str) -> Check:
        """Return why nothing was looked at."""
        return self._check(State.NOT_APPLICABLE, evidence)

    def _check(self, state: State, evidence: str, remedy: str = "") -> Check:
        return Check(
            name=self.name, title=self.title, state=state, evidence=evidence, remedy=remedy
        )


def tick(title: str, checks: Sequence[Check]) -> Tick:
    """Return the line of the list that *checks* make together."""
    return Tick(title=title, state=worst(check.state for check in checks), checks=list(checks))


def worst(states: Iterable[State]) -> State:
    """Return the worst of *states*; of none, that nothing was looked at."""
    return min(states, key=ORDER.index, default=State.NOT_APPLICABLE)
