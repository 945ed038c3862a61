"""What is left of a run that broke off: the seconds and samples it had told until then."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from sureshot_lab.errors import TokenRefused
from sureshot_lab.result import Conditions, Interval, RunResult, Sample, Verdict
from sureshot_lab.runs.progress import Progress
from sureshot_lab.scenario import Scenario

BEFORE_THE_LOAD = frozenset({"setting up", "warm-up"})


class Seen:
    """Keeps what a run tells, on the clock of its load; a few hundred bytes a second.

    The load's begin is when it was ordered: its generators start up to a second later.
    """

    def __init__(self) -> None:
        self.intervals: list[Interval] = []
        self._samples: list[tuple[float, Sample]] = []
        self._began_s: float | None = None
        self._interval: Interval | None = None
        self._sample: Sample | None = None

    def beside(self, tell: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """Return what keeps all it is told, and passes it on to *tell*."""

        def told(progress: Progress) -> None:
            self._keep(progress)
            tell(progress)

        return told

    @property
    def samples(self) -> list[Sample]:
        """What was sampled, from the load's begin on."""
        began_s = self._began_s
        if began_s is None:
            return []
        return [
            Sample(at_s=round(at_s - began_s, 3), values=sample.values)
            for at_s, sample in self._samples
        ]

    def metrics(self) -> dict[str, float]:
        """Return what the seconds come to; nothing when the load had not begun."""
        if not self.intervals:
            return {}
        lasted_s = self.intervals[-1].at_s + 1.0
        sent, accepted = (
            sum(one.sent for one in self.intervals),
            sum(one.succeeded for one in self.intervals),
        )
        return {
            "duration_s": lasted_s,
            "requests": float(sent),
            "accepted": float(accepted),
            "failed_requests": float(sum(one.failed for one in self.intervals)),
            "dropped_requests": float(sum(one.dropped for one in self.intervals)),
            "offered_per_s": sum(one.intended for one in self.intervals) / lasted_s,
            "achieved_per_s": sent / lasted_s,
            "accepted_per_s": accepted / lasted_s,
        }

    def _keep(self, progress: Progress) -> None:
        if progress.phase in BEFORE_THE_LOAD:
            # A second of the warm-up must not be taken for the load's first.
            self._interval, self._sample = progress.interval, progress.sample
            return
        if self._began_s is None:
            self._began_s = time.time()
        if progress.sample is not None and progress.sample is not self._sample:
            self._sample = progress.sample
            self._samples.append((time.time(), progress.sample))
        second = progress.interval
        if second is not None and second is not self._interval:
            self._interval = second
            at_s = progress.offset_s + second.at_s
            self.intervals.append(msgspec.structs.replace(second, at_s=at_s))


def broken_off(
    run_id: str, scenario: Scenario, conditions: Conditions, seen: Seen, error: BaseException
) -> RunResult:
    """Return the result of a run that *error* broke off: INVALID, or FAIL by a refused token."""
    refused = isinstance(error, TokenRefused)
    why = str(error) or "it was ended at once"
    return RunResult(
        id=run_id,
        scenario=scenario.name,
        title=scenario.title,
        verdict=Verdict.FAIL if refused else Verdict.INVALID,
        reasons=[why if refused else f"the run broke off: {why}"],
        gates=[],
        conditions=conditions,
        metrics=seen.metrics(),
        intervals=seen.intervals,
        samples=seen.samples,
        partial=True,
    )
