"""Totals that only rise, made into rates per second."""

from __future__ import annotations

from collections.abc import Mapping


class Rates:
    """Remembers each total's last value and time."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, float]] = {}

    def per_s(self, totals: Mapping[str, float], at_s: float) -> dict[str, float]:
        """Return ``<name>_per_s`` for each total, averaged since it was last told.

        Left out: totals told for the first time, and those that fell, because
        what counted them began anew. *at_s*: any clock that never goes back.
        """
        rates = {}
        for name, total in totals.items():
            before = self._seen.get(name)
            self._seen[name] = (at_s, total)
            if before is not None and total >= before[1] and at_s > before[0]:
                rates[f"{name}_per_s"] = (total - before[1]) / (at_s - before[0])
        return rates
