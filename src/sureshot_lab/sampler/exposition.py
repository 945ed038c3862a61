"""Prometheus text read at a microsecond a line: names and labels are parsed once and remembered."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


class Series(NamedTuple):
    """One time series: the sample's name, and its labels sorted by name."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def label(self, name: str) -> str:
        """Return the value of a label, empty when there is none."""
        return next((value for key, value in self.labels if key == name), "")

    def without(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return the other labels."""
        return tuple((key, value) for key, value in self.labels if key != name)


def read_exposition(text: str, prefixes: tuple[str, ...]) -> dict[Series, float]:
    """Return the values of every series whose name begins with one of *prefixes*.

    Raises ``ValueError`` for a line that is none of the text format 0.0.4.
    """
    values = {}
    for line in text.splitlines():
        if line.startswith(prefixes):
            name, _, told = line.partition(" ") if "{" not in line else _at_brace(line)
            # A timestamp may follow the value.
            values[_series(name)] = float(told.split()[0] if told.strip() else "")
    return values


def _at_brace(line: str) -> tuple[str, str, str]:
    end = line.rindex("}") + 1
    return line[:end], "", line[end:]


@lru_cache(maxsize=10_000)
def _series(text: str) -> Series:
    name, _, labels = text.partition("{")
    found = [(key, _unescaped(value)) for key, value in _LABEL.findall(labels)]
    return Series(name, tuple(sorted(found)))


def _unescaped(value: str) -> str:
    return re.sub(r"\\.", lambda match: _ESCAPES.get(match[0], match[0]), value)
