"""How well a basis foretells a run that it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sureshot_lab.capacity.basis import BEYOND, Basis, fit_basis
from sureshot_lab.capacity.observation import Observation
from sureshot_lab.errors import LabError

MOST_OFF = 0.15
"""A prediction must be as near, as a share of what was measured."""
FAR = 10.0
"""Payloads so many times larger or smaller commit otherwise than those of the basis."""
ONE_REQUEST = 1.0
"""In flight is counted in whole requests: one more or less is no error."""


@dataclass(frozen=True)
class Prediction:
    """One figure of a run. ``error``: predicted by measured, minus 1.

    It must be within 15 %, or within ``least`` in its unit; one not ``gated`` is only told.
    """

    what: str
    unit: str
    predicted: float
    measured: float
    gated: bool = True
    least: float = 0.0

    @property
    def error(self) -> float:
        """As a share; infinite where nothing was measured."""
        return self.predicted / self.measured - 1 if self.measured else float("inf")

    @property
    def kept(self) -> bool:
        """Whether it is near enough, or need not be."""
        off = abs(self.predicted - self.measured)
        return not self.gated or off <= max(self.least, MOST_OFF * self.measured)


def check_prediction(seen: Sequence[Observation], held_out: Observation) -> list[Prediction]:
    """Fit *seen* without *held_out*, and hold its predictions against it.

    In flight is predicted from its rate and the time its receivers took; connections from
    its processes.

    Raises:
        LabError: nothing is left to fit, or it is of another profile.

    """
    rest = [one for one in seen if one.run != held_out.run]
    if not rest:
        raise LabError("a check needs other runs to predict from: give them with --from")
    basis = fit_basis([*rest])
    if basis.profile != held_out.profile:
        raise LabError(f"{held_out.run} is of {held_out.profile}, the others of {basis.profile}")
    return _predictions(basis, held_out)


def _predictions(basis: Basis, held_out: Observation) -> list[Prediction]:
    rate = held_out.rate_per_s
    cores = basis.cores(rate, held_out.payload_bytes)
    found = [Prediction("CPU", "cores", cores, held_out.cores)]
    if held_out.in_flight is not None and held_out.receiver_s is not None:
        expected = basis.in_flight(rate, held_out.receiver_s)
        found.append(
            Prediction("in flight", "requests", expected, held_out.in_flight, least=ONE_REQUEST)
        )
    if basis.commits is not None and held_out.commits is not None:
        expected, known = basis.commits.at(rate), _knows_commits(basis, held_out)
        found.append(Prediction("commits", "a webhook", expected, held_out.commits, known))
    further = held_out.payload_bytes - basis.value("payload_bytes")
    constant = (
        ("WAL", "wal_bytes", "bytes a webhook", further, held_out.wal_bytes, True),
        ("disk", "disk_bytes", "bytes a webhook", further, held_out.disk_bytes, False),
        ("connections", "database_connections", "a process", 0.0,
         held_out.database_connections, False),
    )  # fmt: skip
    found += [
        Prediction(what, unit, basis.value(name) + more, measured, gated)
        for what, name, unit, more, measured, gated in constant
        if measured is not None and name in basis.factors
    ]
    return found


def _knows_commits(basis: Basis, held_out: Observation) -> bool:
    """Whether the rate lies within those measured; a larger payload has commits of its own."""
    low, high = basis.commits.ends if basis.commits else (0.0, 0.0)
    usual = basis.value("payload_bytes")
    alike = usual / FAR < held_out.payload_bytes < usual * FAR
    return alike and low / BEYOND <= held_out.rate_per_s <= high * BEYOND
