"""Rates, times and sizes as people write them: ``50000/min``, ``500ms``, ``2KB``."""

from __future__ import annotations

import re

from sureshot_lab.errors import LabError

QUANTITY = re.compile(r"(?P<number>\d[\d_,]*(?:\.\d+)?|\.\d+)\s*(?P<unit>[a-zA-Z/]*)")
PER_S = {"": 1.0, "/s": 1.0, "/sec": 1.0, "/min": 1 / 60, "/m": 1 / 60, "/h": 1 / 3600,
         "/day": 1 / 86_400}  # fmt: skip
SECONDS = {"ms": 1e-3, "s": 1.0, "": 1.0, "min": 60.0}
BYTES = {"": 1.0, "b": 1.0, "kb": 1024.0, "kib": 1024.0, "mb": 1024.0**2, "mib": 1024.0**2}


def rate_per_s(text: str) -> float:
    """Return ``50000/min`` and the like a second; a number alone is one a second.

    Raises:
        LabError: *text* is no rate above 0.

    """
    return _quantity(text, PER_S, "a rate such as 50000/min or 800/s")


def duration_s(text: str) -> float:
    """Return ``300ms`` and the like in seconds. Raises ``LabError``."""
    return _quantity(text, SECONDS, "a time such as 300ms or 1.5s", least=0.0)


def size_bytes(text: str) -> float:
    """Return ``2KB`` (of 1,024) and the like in bytes. Raises ``LabError``."""
    return _quantity(text, BYTES, "a size such as 2KB or 512B")


def _quantity(text: str, units: dict[str, float], wanted: str, least: float = 1e-12) -> float:
    found = QUANTITY.fullmatch(text.strip())
    if found is None or found["unit"].lower() not in units:
        raise LabError(f"{text}: must be {wanted}")
    value = float(re.sub("[_,]", "", found["number"])) * units[found["unit"].lower()]
    if value < least:
        raise LabError(f"{text}: must be {wanted}, above 0")
    return value
