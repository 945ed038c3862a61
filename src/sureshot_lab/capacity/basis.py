"""The factors a plan multiplies, each with where it comes from: runs fitted together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from sureshot_lab.capacity.observation import Observation
from sureshot_lab.errors import LabError

SAME_RATE = 0.05
"""Rates no further apart than this share are one rate: no line goes through them."""
MESSAGE_OVERHEAD_BYTES = 1024.0
HALF = 0.5


@dataclass(frozen=True)
class Factor:
    """One number of a plan. ``source``: the runs it was measured in, or that it is assumed."""

    name: str
    value: float
    unit: str
    source: str

    @property
    def measured(self) -> bool:
        """Whether it comes from a run."""
        return self.source.startswith("measured")


@dataclass(frozen=True)
class Basis:
    """Every factor by name, and the CPU of a rate.

    The busier a process, the more webhooks each wake-up and each commit serves, so a
    webhook's CPU falls with the rate: ``rate / cores``, the webhooks of a core's second,
    rises in a line, ``per_core_s + gain * rate``. Above the highest rate measured no
    further gain is assumed.
    """

    profile: str
    factors: dict[str, Factor]
    rates_per_s: tuple[float, float]
    """The lowest and the highest rate it was measured at."""
    waited_at_per_s: float = 0.0
    """The rate that ``waiting_p95_s`` was measured at: latency depends on it."""

    def value(self, name: str) -> float:
        """Return a factor's value; 0 for one nobody measured."""
        factor = self.factors.get(name)
        return factor.value if factor else 0.0

    def cores(self, rate_per_s: float) -> float:
        """Return the cores one replica of each role takes together at *rate_per_s*."""
        return rate_per_s / self._a_core_s(rate_per_s)

    def rate_per_s(self, cores: float) -> float:
        """Return the rate at which ``cores`` are taken."""
        most = self.rates_per_s[1]
        if cores >= self.cores(most):
            return cores * self._a_core_s(most)
        return cores * self.value("per_core_s") / (1 - cores * self.value("gain"))

    def _a_core_s(self, rate_per_s: float) -> float:
        counted = min(rate_per_s, self.rates_per_s[1])
        return self.value("per_core_s") + self.value("gain") * counted

    def in_flight(self, rate_per_s: float, receiver_s: float) -> float:
        """Return how many are in flight when receivers take *receiver_s*: L = lambda W."""
        return rate_per_s * (receiver_s + self.value("overhead_s"))


def fit_basis(seen: Sequence[Observation], near_per_s: float | None = None) -> Basis:
    """Return the factors *seen* runs say, of one profile.

    With two rates or more the webhooks of a core's second are fitted by a line over the
    rate; with one, CPU is in proportion. The p95 is that of the runs at the rate nearest to
    *near_per_s*, of the highest without it. The rest is the median of the runs.

    Raises:
        LabError: no runs, or of several profiles.

    """
    profiles = {one.profile for one in seen}
    if len(profiles) != 1:
        told = ", ".join(sorted(profiles)) or "none at all"
        raise LabError(f"the runs must be of one profile, they are of {told}")
    runs = ", ".join(one.run for one in seen)
    waited = _nearest([one for one in seen if one.end_to_end_p95_s is not None], near_per_s)
    per_core_s, gain = _line([(one.rate_per_s, one.rate_per_s / one.cores) for one in seen])
    factors = [
        Factor("per_core_s", per_core_s, "webhooks a core's second, at rest", f"measured: {runs}"),
        Factor("gain", gain, "of them more for each a second", f"measured: {runs}"),
        *_medians(seen, MEDIANS),
        *_medians(waited, WAITING),
        _api_share(seen),
        Factor("message_bytes", MESSAGE_OVERHEAD_BYTES, "bytes a webhook in the queue",
               "assumed: what RabbitMQ keeps in memory beside the payload"),
    ]  # fmt: skip
    rates = [one.rate_per_s for one in seen]
    return Basis(
        profiles.pop(), {one.name: one for one in factors}, (min(rates), max(rates)),
        fmean(one.rate_per_s for one in waited) if waited else 0.0,
    )  # fmt: skip


def _nearest(seen: Sequence[Observation], rate_per_s: float | None) -> list[Observation]:
    """Return those at the one rate that is nearest to *rate_per_s*, at the highest without it."""
    if not seen:
        return []
    highest = max(one.rate_per_s for one in seen)
    wanted = highest if rate_per_s is None else rate_per_s
    nearest = min((one.rate_per_s for one in seen), key=lambda rate: abs(rate - wanted))
    return [one for one in seen if abs(one.rate_per_s - nearest) <= SAME_RATE * nearest]


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return where the line through (rate, webhooks of a core's second) begins, and its slope."""
    rates, counts = [rate for rate, _ in points], [count for _, count in points]
    mean_rate, mean_count = fmean(rates), fmean(counts)
    if max(rates) - min(rates) <= SAME_RATE * max(rates):
        return mean_count, 0.0
    spread = sum((rate - mean_rate) ** 2 for rate in rates)
    slope = sum((rate - mean_rate) * (count - mean_count) for rate, count in points) / spread
    begin = mean_count - slope * mean_rate
    # Noise can tilt a line: no webhook is dearer for being one of many, and none is free.
    return (mean_count, 0.0) if slope < 0 or begin <= 0 else (begin, slope)


def _overhead_s(one: Observation) -> float | None:
    if one.in_flight is None or one.receiver_s is None:
        return None
    return max(0.0, one.in_flight / one.rate_per_s - one.receiver_s)


Reading = tuple[str, str, Callable[[Observation], float | None]]

MEDIANS: tuple[Reading, ...] = (
    ("payload_bytes", "bytes, mean of what was sent", lambda one: one.payload_bytes),
    ("commits", "commits a webhook", lambda one: one.commits),
    ("wal_bytes", "bytes of WAL a webhook, of the whole server", lambda one: one.wal_bytes),
    ("disk_bytes", "bytes the database grew a webhook", lambda one: one.disk_bytes),
    ("rss_bytes", "bytes, the largest process", lambda one: one.rss_bytes),
    ("database_connections", "connections a process", lambda one: one.database_connections),
    ("overhead_s", "s in flight beside the receiver's time", _overhead_s),
)  # fmt: skip
WAITING: tuple[Reading, ...] = (
    ("waiting_p95_s", "s, p95 of sent to received", lambda one: one.end_to_end_p95_s),
)


def _medians(seen: Sequence[Observation], readings: Sequence[Reading]) -> list[Factor]:
    found = []
    for name, unit, read in readings:
        known = [(one.run, value) for one in seen if (value := read(one)) is not None]
        if known:
            runs = ", ".join(run for run, _value in known)
            value = median(value for _run, value in known)
            found.append(Factor(name, value, unit, f"measured: {runs}"))
    return found


def _api_share(seen: Sequence[Observation]) -> Factor:
    known = [(one.run, one.api_share) for one in seen if one.api_share is not None]
    if known:
        runs = ", ".join(run for run, _share in known)
        return Factor("api_share", median(s for _r, s in known), "of the CPU", f"measured: {runs}")
    return Factor("api_share", HALF, "of the CPU", "assumed: measure it with --measure")
