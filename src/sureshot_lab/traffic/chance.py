"""Chance from a seed: the same draws in every process and on every Python."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")

FIRST_MOMENT = datetime(2025, 1, 1, tzinfo=UTC)
YEAR_S = 365 * 86_400
HEXADECIMAL = "0123456789abcdef"


class Chance:
    """A stream of draws. Equal *seeds* (numbers or texts, in order) give equal streams.

    Only ``Random.random`` is drawn from: of all methods of the standard library it
    alone is promised to give the same sequence on every version of Python.
    """

    def __init__(self, *seeds: str | int) -> None:
        told = "\x1f".join(f"{type(seed).__name__}:{seed}" for seed in seeds)
        digest = hashlib.sha256(told.encode()).digest()
        self._random = random.Random(int.from_bytes(digest, "big"))  # noqa: S311 - not a secret

    def share(self) -> float:
        """Draw evenly from [0, 1)."""
        return self._random.random()

    def below(self, end: int) -> int:
        """Draw a whole number from 0 up to, not including, *end*."""
        return int(self._random.random() * end)

    def between(self, least: int, most: int) -> int:
        """Draw a whole number from *least* to *most*, both included."""
        return least + self.below(most - least + 1)

    def pick(self, things: Sequence[T]) -> T:
        """Draw one of *things*, all being alike."""
        return things[self.below(len(things))]

    def shuffled(self, things: Sequence[T]) -> list[T]:
        """Return *things* in a drawn order (Fisher and Yates)."""
        order = list(things)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order

    def hexadecimal(self, length: int) -> str:
        """Draw *length* hexadecimal digits."""
        return "".join(self.pick(HEXADECIMAL) for _ in range(length))

    def digits(self, length: int) -> str:
        """Draw *length* decimal digits, the first of them not 0."""
        return str(self.between(10 ** (length - 1), 10**length - 1))

    def moment(self) -> str:
        """Draw a second of the year 2025, as ISO 8601 in UTC."""
        at = FIRST_MOMENT + timedelta(seconds=self.below(YEAR_S))
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")
