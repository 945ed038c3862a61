"""What a webhook costs in CPU: its own part, its part of what many share, and its payload's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from sureshot_lab.capacity.observation import Observation

KIB = 1024.0
LEAST_OWN = 0.1
"""However many share it, a webhook costs this part of the cheapest one measured."""
SAME_RATE = 0.05
"""Rates no further apart than this share are one rate: nothing is told of what is shared."""
ALIKE = 1.5
"""Payloads no further apart than this factor are of one size: nothing is told of a KiB's cost."""
CANDIDATES = 240
NEARER = 1e-6
"""A fit must be better by so much, of squared shares, to take the place of an earlier one."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CpuLaw:
    """CPU seconds of one webhook at a rate: ``own + shared / (1 + rate / half) + KiB``.

    ``own_s``: however busy the service is. ``shared_s``: of a commit and a wake-up, borne
    alone by a webhook that comes alone; at ``half_per_s`` two bear it together. ``kib_s``:
    for each KiB of payload.
    """

    own_s: float
    shared_s: float
    half_per_s: float
    kib_s: float = 0.0

    def cores(self, rate_per_s: float, payload_bytes: float) -> float:
        """Return the cores one replica of each role takes together."""
        return rate_per_s * self.each_s(rate_per_s, payload_bytes)

    def each_s(self, rate_per_s: float, payload_bytes: float) -> float:
        """Return the CPU seconds of a webhook."""
        shared = self.shared_s / (1 + rate_per_s / self.half_per_s)
        return self.own_s + shared + self.kib_s * payload_bytes / KIB

    def rate_per_s(self, cores: float, payload_bytes: float) -> float:
        """Return the rate at which ``cores`` are taken: ``cores`` rises with the rate."""
        own = self.own_s + self.kib_s * payload_bytes / KIB
        # cores = rate * (own + shared * half / (half + rate)), solved for the rate.
        middle = (own + self.shared_s) * self.half_per_s - cores
        root = math.sqrt(middle**2 + 4 * own * cores * self.half_per_s)
        return (root - middle) / (2 * own)


def fit_cpu(seen: Sequence[Observation]) -> CpuLaw:
    """Return the law nearest to *seen*, by squared errors as shares; no part is below 0.

    Where there is one rate nothing is shared, and payloads alike in size cost nothing
    by the KiB. With two rates alone the own part is the least there is.
    """
    rates = np.array([one.rate_per_s for one in seen])
    costs = np.array([one.cores / one.rate_per_s for one in seen])
    sizes = np.array([one.payload_bytes / KIB for one in seen])
    if sizes.max() <= ALIKE * sizes.min():
        sizes = np.zeros_like(sizes)
    least_s = LEAST_OWN * float(costs.min())
    if rates.max() - rates.min() <= SAME_RATE * rates.max():
        return _fit(np.full(len(rates), math.inf), costs, sizes, least_s, 1.0)[0]
    best, nearest = CpuLaw(least_s, 0.0, 1.0), math.inf
    # From the most sharing to the least: two rates fit many, and more sharing foretells better.
    for half in np.geomspace(20 * rates.max(), rates.min() / 20, CANDIDATES):
        law, error = _fit(rates, costs, sizes, least_s, float(half))
        if error < nearest - NEARER:
            best, nearest = law, error
    return best


def _fit(
    rates: Floats, costs: Floats, sizes: Floats, least_s: float, half: float
) -> tuple[CpuLaw, float]:
    """Return the law with *half*, and the sum of its squared errors as shares.

    At infinite *rates* nothing is left of what is shared.
    """
    parts = np.stack([np.ones_like(rates), 1 / (1 + rates / half), sizes], axis=1)
    found, rest = nnls(parts / costs[:, None], 1 - least_s / costs)
    own, shared, kib = (float(part) for part in found)
    return CpuLaw(least_s + own, shared, half, kib), float(rest**2)
