"""A step on a cluster: ``kubectl`` sets the replicas, and the load goes to its address."""

from __future__ import annotations

from collections.abc import Callable

from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.progress import Progress, silent
from sureshot_lab.runs.run import run_scenario
from sureshot_lab.sampler.command import run_command
from sureshot_lab.scale.offered import foreign_scenario

SCALE_WITHIN_S = 30.0
READY_WITHIN_S = 300.0


class KubernetesScale:
    """Replicas are pods of a deployment; it is left at the last count it was set to."""

    name = "kubernetes"

    def __init__(
        self, rate_per_s: float, seconds: float, options: Options, deployment: str,
        namespace: str, kubectl: str = "kubectl", tell: Callable[[Progress], None] = silent,
    ) -> None:  # fmt: skip
        """Raise ``LabError`` without a target: the load needs the cluster's address."""
        if options.target is None:
            raise LabError("--driver kubernetes needs --target, the address of the service there")
        self.rate_per_s = rate_per_s
        self._seconds = seconds
        self._options = options
        self._deployment = f"deployment/{deployment}"
        self._kubectl = [kubectl, "--namespace", namespace]
        self._tell = tell

    async def step(self, replicas: int) -> RunResult:
        """Have so many pods, wait until all are ready, and run the load.

        Raises:
            SourceUnreadable: ``kubectl`` fails, or the pods are not ready in time.
            LabError: no ``kubectl``, or the target does not answer.

        """
        await run_command(
            [*self._kubectl, "scale", self._deployment, f"--replicas={replicas}"], SCALE_WITHIN_S
        )
        await run_command(
            [*self._kubectl, "rollout", "status", self._deployment,
             f"--timeout={READY_WITHIN_S:.0f}s"], READY_WITHIN_S + SCALE_WITHIN_S,
        )  # fmt: skip
        scenario = foreign_scenario(replicas, self.rate_per_s, self._seconds)
        result, _folder = await run_scenario(scenario, self._options, self._tell)
        return result
