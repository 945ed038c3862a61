"""What a user may say of a run beside its scenario."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from sureshot_lab.errors import LabError

MARK_OF_PRODUCTION = re.compile(r"(prod|production|live)\d*")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, with what, and where the result goes.

    Without *target* the run has a service of its own. ``lose_every`` makes the
    sink forget webhooks, to see that the run notices. ``sink_host`` is the
    address under which a service elsewhere reaches our sink, ``sink_port`` its port
    (0: a free one). ``under`` is what the
    interpreter of the run's own service is to run it under: ``-m``, a tracer, its options.
    """

    runs: Path = Path("runs")
    target: str | None = None
    token: str = field(default="", repr=False)
    admin_token: str | None = field(default=None, repr=False)
    engine: str = "auto"
    environment: str = "local"
    seed: int = 1
    sink_host: str = "127.0.0.1"
    sink_port: int = 0
    lose_every: int = 0
    means_it: bool = False
    under: tuple[str, ...] = ()


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
