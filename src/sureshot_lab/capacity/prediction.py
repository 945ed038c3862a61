"""How well a basis foretells a run that it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sureshot_lab.capacity.basis import Basis, fit_basis
from sureshot_lab.capacity.observation import Observation
from sureshot_lab.errors import LabError


@dataclass(frozen=True)
class Prediction:
    """One figure of a run. ``error``: predicted by measured, minus 1."""

    what: str
    unit: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """As a share; infinite where nothing was measured."""
        return self.predicted / self.measured - 1 if self.measured else float("inf")


def check_prediction(seen: Sequence[Observation], held_out: Observation) -> list[Prediction]:
    """Fit *seen* without *held_out*, and hold the prediction of its CPU and in flight against it.

    In flight is predicted from its rate and the time its receivers took.

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
    found = [Prediction("CPU", "cores", basis.cores(rate), held_out.cores)]
    if held_out.in_flight is not None and held_out.receiver_s is not None:
        expected = basis.in_flight(rate, held_out.receiver_s)
        found.append(Prediction("in flight", "requests", expected, held_out.in_flight))
    return found
