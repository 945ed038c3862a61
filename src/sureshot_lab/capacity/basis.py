"""The factors a plan multiplies, each with where it comes from: runs fitted together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from sureshot_lab.capacity.cpu import ALIKE, SAME_RATE, CpuLaw, fit_cpu
from sureshot_lab.capacity.curve import Curve, curve_of
from sureshot_lab.capacity.observation import Observation
from sureshot_lab.errors import LabError

BEYOND = 1.1
"""A rate may lie so many times above the highest one measured: further on CPU is a guess."""
MESSAGE_OVERHEAD_BYTES = 1024.0
HELD_BYTES = 4096.0
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
    """Every factor by name, and the CPU of a rate: the busier, the more webhooks share."""

    profile: str
    factors: dict[str, Factor]
    cpu: CpuLaw
    rates_per_s: tuple[float, float]
    """The lowest and the highest rate it was measured at."""
    payloads_bytes: tuple[float, float]
    """The smallest and the largest mean payload it was measured with."""
    waited_at_per_s: float = 0.0
    """The rate that ``waiting_p95_s`` was measured at: latency depends on it."""
    commits: Curve | None = None
    """Of a webhook by the rate of one replica of each role; None for one nobody measured."""

    def value(self, name: str) -> float:
        """Return a factor's value; 0 for one nobody measured."""
        factor = self.factors.get(name)
        return factor.value if factor else 0.0

    def cores(self, rate_per_s: float, payload_bytes: float) -> float:
        """Return the cores one replica of each role takes together at *rate_per_s*."""
        return self.cpu.cores(rate_per_s, payload_bytes)

    @property
    def most_per_s(self) -> float:
        """The most one replica is counted on for: hardly more than was measured."""
        return BEYOND * self.rates_per_s[1]

    def sure_rate_per_s(self, cores: float, payload_bytes: float) -> float:
        """Return the rate at which ``cores`` are taken, ``most_per_s`` at most."""
        return min(self.cpu.rate_per_s(cores, payload_bytes), self.most_per_s)

    def in_flight(self, rate_per_s: float, receiver_s: float) -> float:
        """Return how many are in flight when receivers take *receiver_s*: L = lambda W."""
        return rate_per_s * (receiver_s + self.value("overhead_s"))


def fit_basis(seen: Sequence[Observation], near_per_s: float | None = None) -> Basis:
    """Return the factors *seen* runs say, of one profile.

    CPU is fitted to all of them. The rest is the median of the runs with the payload that
    most had; commits go by their rate; the p95 is that of those at the rate nearest to
    *near_per_s*, of the highest without it.

    Raises:
        LabError: no runs, or of several profiles.

    """
    profiles = {one.profile for one in seen}
    if len(profiles) != 1:
        told = ", ".join(sorted(profiles)) or "none at all"
        raise LabError(f"the runs must be of one profile, they are of {told}")
    cpu, alike = fit_cpu(seen), _alike(seen)
    commits = _commits(alike)
    waited = _nearest([one for one in alike if one.end_to_end_p95_s is not None], near_per_s)
    factors = [
        *_of_cpu(cpu, seen),
        *_medians(alike, MEDIANS),
        *_medians(waited, WAITING),
        *_of_commits(alike, commits),
        *_largest_process(seen),
        _api_share(alike),
        *ASSUMED,
    ]
    rates, payloads = [one.rate_per_s for one in seen], [one.payload_bytes for one in seen]
    return Basis(
        profiles.pop(), {one.name: one for one in factors}, cpu, (min(rates), max(rates)),
        (min(payloads), max(payloads)),
        fmean(one.rate_per_s for one in waited) if waited else 0.0, commits,
    )  # fmt: skip


def _alike(seen: Sequence[Observation]) -> list[Observation]:
    """Return the runs with payloads of the size that most have, of several the smallest."""
    groups = [
        [one for one in seen if size <= one.payload_bytes <= ALIKE * size]
        for size in sorted({one.payload_bytes for one in seen})
    ]
    return max(groups, key=len)


def _nearest(seen: Sequence[Observation], rate_per_s: float | None) -> list[Observation]:
    """Return those at the one rate that is nearest to *rate_per_s*, at the highest without it."""
    if not seen:
        return []
    highest = max(one.rate_per_s for one in seen)
    wanted = highest if rate_per_s is None else rate_per_s
    nearest = min((one.rate_per_s for one in seen), key=lambda rate: abs(rate - wanted))
    return [one for one in seen if abs(one.rate_per_s - nearest) <= SAME_RATE * nearest]


def _of_cpu(law: CpuLaw, seen: Sequence[Observation]) -> list[Factor]:
    source = f"measured: {', '.join(one.run for one in seen)}"
    factors = [
        Factor("own_us", 1e6 * law.own_s, "us of CPU a webhook, however many come", source),
        Factor("shared_us", 1e6 * law.shared_s, "us more for one that comes alone", source),
        Factor("half_per_s", law.half_per_s, "a second: there two share them", source),
    ]
    if not math.isclose(law.kib_s, 0.0):
        factors.append(Factor("kib_us", 1e6 * law.kib_s, "us for each KiB of payload", source))
    return factors


def _commits(seen: Sequence[Observation]) -> Curve | None:
    known = [(one.rate_per_s, one.commits) for one in seen if one.commits]
    return curve_of(known, SAME_RATE) if known else None


def _of_commits(seen: Sequence[Observation], commits: Curve | None) -> list[Factor]:
    if commits is None:
        return []
    (low, most), (high, least) = commits.points[0], commits.points[-1]
    told = f"commits a webhook at {low:.0f}/s, {least:.3g} at {high:.0f}/s and between as measured"
    runs = ", ".join(one.run for one in seen if one.commits)
    return [Factor("commits", most, told, f"measured: {runs}")]


def _overhead_s(one: Observation) -> float | None:
    if one.in_flight is None or one.receiver_s is None:
        return None
    return max(0.0, one.in_flight / one.rate_per_s - one.receiver_s)


Reading = tuple[str, str, Callable[[Observation], float | None]]

MEDIANS: tuple[Reading, ...] = (
    ("payload_bytes", "bytes, mean of what was sent", lambda one: one.payload_bytes),
    ("wal_bytes", "bytes of WAL a webhook, of the whole server", lambda one: one.wal_bytes),
    ("disk_bytes", "bytes the database grew a webhook", lambda one: one.disk_bytes),
    ("database_connections", "connections a process", lambda one: one.database_connections),
    ("host_cpu_share", "of the machine's CPU, everything on it", lambda one: one.host_cpu_share),
    ("overhead_s", "s in flight beside the receiver's time", _overhead_s),
)  # fmt: skip
WAITING: tuple[Reading, ...] = (
    ("waiting_p95_s", "s, p95 of sent to received", lambda one: one.end_to_end_p95_s),
)
ASSUMED = (
    Factor("message_bytes", MESSAGE_OVERHEAD_BYTES, "bytes a webhook in the queue",
           "assumed: what RabbitMQ keeps in memory beside the payload"),
    Factor("held_bytes", HELD_BYTES, "bytes a webhook in flight",
           "assumed: beside the payload, by the benchmark with 10,000 at once"),
)  # fmt: skip


def _medians(seen: Sequence[Observation], readings: Sequence[Reading]) -> list[Factor]:
    found = []
    for name, unit, read in readings:
        known = [(one.run, value) for one in seen if (value := read(one)) is not None]
        if known:
            runs = ", ".join(run for run, _value in known)
            value = median(value for _run, value in known)
            found.append(Factor(name, value, unit, f"measured: {runs}"))
    return found


def _largest_process(seen: Sequence[Observation]) -> list[Factor]:
    """Return the largest of all runs: one with larger payloads keeps more of them at hand."""
    known = [(one.rss_bytes, one.run) for one in seen if one.rss_bytes is not None]
    if not known:
        return []
    largest, run = max(known)
    return [Factor("rss_bytes", largest, "bytes, the largest process", f"measured: {run}")]


def _api_share(seen: Sequence[Observation]) -> Factor:
    known = [(one.run, one.api_share) for one in seen if one.api_share is not None]
    if known:
        runs = ", ".join(run for run, _share in known)
        return Factor("api_share", median(s for _r, s in known), "of the CPU", f"measured: {runs}")
    return Factor("api_share", HALF, "of the CPU", "assumed: measure it with --measure")
