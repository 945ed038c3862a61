"""A step on a cluster: ``kubectl`` sets the replicas, and the load goes to its address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.progress import Progress, silent
from sureshot_lab.runs.run import run_scenario, write
from sureshot_lab.sampler.command import run_command
from sureshot_lab.scale.offered import foreign_scenario
from sureshot_lab.scale.processes import attempts_at, takes_table
from sureshot_lab.sink.address import in_url

SCALE_WITHIN_S = 30.0
READY_WITHIN_S = 300.0


class KubernetesScale:
    """Replicas are pods of a deployment; it is left at the last count it was set to."""

    name = "kubernetes"

    def __init__(
        self, rate_per_s: float, seconds: float, options: Options, deployment: str,
        namespace: str, metrics_urls: Sequence[str] = (), kubectl: str = "kubectl",
        tell: Callable[[Progress], None] = silent,
    ) -> None:  # fmt: skip
        """Raise ``LabError`` without a target: the load needs the cluster's address.

        *metrics_urls*: where the pods tell what each took; a name may lead to all of them.
        """
        if options.target is None:
            raise LabError("--driver kubernetes needs --target, the address of the service there")
        self.rate_per_s = rate_per_s
        self._seconds = seconds
        self._options = options
        self._deployment = f"deployment/{deployment}"
        self._metrics_urls = metrics_urls
        self._kubectl = [kubectl, "--namespace", namespace]
        self._tell = tell

    async def step(self, replicas: int) -> RunResult:
        """Have so many pods, wait until all are ready, and run the load.

        The result has the table ``takes`` if the metrics of that many pods were read.

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
        before = await attempts_at(await self._pods())
        result, folder = await run_scenario(scenario, self._options, self._tell)
        after = await attempts_at(await self._pods())
        if len(after) != replicas:
            return result
        # A pod that was not seen before is new: what it did, it did since.
        taken = [attempts - before.get(url, 0.0) for url, attempts in after.items()]
        table = takes_table(sorted(taken, reverse=True))
        return write(folder, msgspec.structs.replace(result, tables=[*result.tables, table]))

    async def _pods(self) -> list[str]:
        """Return a URL for each address that the metrics' URLs lead to now."""
        found = []
        for url in self._metrics_urls:
            found += await _addresses(url)
        return list(dict.fromkeys(found))


async def _addresses(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        host, port = None, 0
    if host is None:
        raise LabError(f"--metrics-url {url}: must be a URL such as http://10.0.3.7:9090")
    try:
        loop = asyncio.get_running_loop()
        known = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise LabError(f"--metrics-url {url}: {error.strerror}") from None
    return [f"http://{in_url(str(to[0]))}:{port}" for *_kind, to in known]
