"""CPU and memory of a namespace's pods, by ``kubectl top``."""

from __future__ import annotations

import re

from sureshot_lab.sampler.command import run_command
from sureshot_lab.sampler.source import Pace, Source, SourceUnreadable

EVERY_S = 15.0
"""The metrics server gathers its figures every 15 s; asking more often only loads the cluster."""
TIMEOUT_S = 10.0

_QUANTITY = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)"
)
_FACTORS = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3,
    "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


class Kubernetes(Source):
    """Every 15 s the pods of *namespace* as *context* knows them; nothing in between.

    ``kubernetes.pods``, ``.cpu_cores``, ``.cpu_cores_max``, ``.memory_bytes``,
    ``.memory_max_bytes``, and of each pod ``kubernetes.<pod>.cpu_cores`` and
    ``.memory_bytes``.
    """

    name = "kubernetes"

    def __init__(
        self, context: str, namespace: str, kubectl: str = "kubectl", every_s: float = EVERY_S
    ) -> None:
        self._command = [kubectl, "--context", context, "--namespace", namespace]
        self._pace = Pace(every_s)

    async def read(self) -> dict[str, float]:
        """Return the figures when it is time. Raises ``SourceUnreadable``, ``ToolMissing``."""
        if not self._pace.due():
            return {}
        told = await run_command([*self._command, "top", "pods", "--no-headers"], TIMEOUT_S)
        return _values(read_top(told))

    async def close(self) -> None:
        """Nothing is held open between two reads."""


def read_top(text: str) -> dict[str, tuple[float, float]]:
    """Return cores and bytes of each pod in what ``kubectl top pods --no-headers`` prints.

    Raises ``SourceUnreadable`` for anything else.
    """
    pods = {}
    for line in text.splitlines():
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 3:
            raise SourceUnreadable(f"kubectl top prints {line!r}, not a pod, its CPU and memory")
        pods[fields[0]] = (parse_quantity(fields[1]), parse_quantity(fields[2]))
    return pods


def parse_quantity(text: str) -> float:
    """Return a Kubernetes quantity such as ``250m``, ``64Mi``, ``1e3`` or ``128974848``.

    Raises ``SourceUnreadable`` for what is none.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise SourceUnreadable(f"{text!r} is no quantity of Kubernetes; 250m or 64Mi would be")
    number, exponent, suffix = match.groups()
    if exponent is not None:
        return float(f"{number}e{exponent}")
    return float(number) * (_FACTORS[suffix] if suffix else 1.0)


def _values(pods: dict[str, tuple[float, float]]) -> dict[str, float]:
    cores = [cpu for cpu, _memory in pods.values()]
    memory = [used for _cpu, used in pods.values()]
    values = {"pods": float(len(pods)), "cpu_cores": sum(cores), "memory_bytes": sum(memory)}
    if pods:
        values |= {"cpu_cores_max": max(cores), "memory_max_bytes": max(memory)}
    for pod, (cpu, used) in pods.items():
        values |= {f"{pod}.cpu_cores": cpu, f"{pod}.memory_bytes": used}
    return {f"kubernetes.{name}": value for name, value in values.items()}
