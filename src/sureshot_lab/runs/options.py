"""What a user may say of a run beside its scenario."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from sureshot_lab.errors import LabError

QUEUE = "webhook-queue"
"""What a service calls its queue unless it is set otherwise."""
MARK_OF_PRODUCTION = re.compile(r"(prod|production|live)\d*")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, with what, and where the result goes.

    Without *target* the run has a service of its own. ``seed`` takes the place of the
    scenario's, for payloads, draws and receivers alike. ``lose_every`` makes the
    sink forget webhooks, to see that the run notices. ``sink_host`` is the
    address under which a service elsewhere reaches our sink, ``sink_port`` its port
    (0: a free one). ``under`` is what the
    interpreter of the run's own service is to run it under: ``-m``, a tracer, its options.

    ``database_url``, ``queue_url`` and ``queue_name`` are those of a target, to be sampled:
    a service of the run's own has its own. The pods of ``kube_namespace`` are sampled where
    there is a ``kube_context``. ``management_url`` is the broker's management API, where it
    is not at port 15672 of the broker's host. ``rabbitmqctl`` is asked, dear as it is, where
    the broker has no management API.

    Raises:
        LabError: what belongs to a target is told without one, or a namespace without a context.

    """

    runs: Path = Path("runs")
    target: str | None = None
    token: str = field(default="", repr=False)
    admin_token: str | None = field(default=None, repr=False)
    engine: str = "auto"
    environment: str = "local"
    seed: int | None = None
    sink_host: str = "127.0.0.1"
    sink_port: int = 0
    lose_every: int = 0
    means_it: bool = False
    under: tuple[str, ...] = ()
    database_url: str = field(default="", repr=False)
    queue_url: str = field(default="", repr=False)
    queue_name: str = QUEUE
    management_url: str = field(default="", repr=False)
    kube_context: str = ""
    kube_namespace: str = ""
    rabbitmqctl: bool = False

    def __post_init__(self) -> None:
        for option, value in (("database", self.database_url), ("queue", self.queue_url)):
            if value and self.target is None:
                raise LabError(
                    f"--{option}-url names what a --target uses; a service of the run's own is "
                    "sampled by itself: leave it out, or give --target"
                )
        if self.kube_namespace and not self.kube_context:
            raise LabError(
                f"--kube-namespace {self.kube_namespace}: of which cluster? say it with "
                "--kube-context (`kubectl config get-contexts` lists them)"
            )


def refuse_production(options: Options) -> None:
    """Raise ``LabError`` for a target that looks like production, unless the user means it.

    A target counts as production by its host's name (a part of it is prod,
    production or live, perhaps numbered) or by ``SURESHOT_LAB_PRODUCTION``, a list of hosts.
    """
    if options.target is None or options.means_it:
        return
    host = options.target.partition("//")[2].partition("/")[0].rpartition("@")[2].lower()
    name = host.rpartition(":")[0] or host
    listed = os.environ.get("SURESHOT_LAB_PRODUCTION", "").replace(",", " ").split()
    parts = name.replace("-", ".").split(".")
    if name in listed or any(MARK_OF_PRODUCTION.fullmatch(part) for part in parts):
        raise LabError(
            f"{options.target} is marked as production: a load test would be felt by customers; "
            "repeat with --i-mean-it if that is what you want"
        )
