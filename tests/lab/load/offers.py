"""Offers to try a generator with, and what is left of it afterwards."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from sureshot_lab.load.generator_process import MODULE
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


def generators(folder: Path) -> list[psutil.Process]:
    """Return the generator processes whose log is in *folder*, whoever their parent is."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if MODULE in (process.info["cmdline"] or []):
            with contextlib.suppress(psutil.Error):
                if any(Path(file.path).parent == folder for file in process.open_files()):
                    found.append(process)
    return found
