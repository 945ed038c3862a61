"""What is to become better: one figure of a run, chosen before the search."""

from __future__ import annotations

from enum import StrEnum

from sureshot_lab.analysis.comparison import more_is_better


class Objective(StrEnum):
    """What the search is for; each is one metric of a run, short of the gates."""

    CPU = "cpu"
    LATENCY = "latency"
    GOODPUT = "goodput"

    @property
    def metric(self) -> str:
        """The name in a run's ``metrics``."""
        return METRICS[self]

    @property
    def higher_is_better(self) -> bool:
        """Whether more of it is better."""
        return more_is_better(self.metric)

    def better(self, one: float, other: float) -> bool:
        """Return whether the figure *one* is better than *other*."""
        return one > other if self.higher_is_better else one < other


METRICS = {
    Objective.CPU: "service_cpu_us_per_webhook",
    Objective.LATENCY: "end_to_end_p95_s",
    Objective.GOODPUT: "delivered_per_s",
}
