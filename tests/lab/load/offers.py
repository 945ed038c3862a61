"""Offers to try a generator with, and what is left of it afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psutil

from sureshot_lab.load.offer import Offer
from tests.lab.k6.stub import API_TOKEN

Stage = tuple[float, float, float]


def offer(url: str, *stages: Stage, **changes: Any) -> Offer:
    """Return an offer to three places of unequal weights, with three payloads."""
    made = Offer(
        base_url=url,
        token=API_TOKEN,
        places=[f'"url":"http://127.0.0.1:9/{name}"' for name in "abc"],
        weights=[6, 3, 1],
        payloads=['{"kind":"one"}', '{ "kind": "zwölf" }', "{}"],
        stages=stages,
        run="run",
    )
    return replace(made, **changes)


def generators() -> list[psutil.Process]:
    """Return the generator processes there are, of this process or orphaned."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "sureshot_lab.load.generator" in (process.info["cmdline"] or [])
    ]
