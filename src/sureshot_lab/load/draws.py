"""Which place and which payload an arrival has: a hash of the seed and its number.

No state and 32-bit arithmetic only, so that ``scenario.js`` computes the same
and any number of generators share one sequence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

WORD = 1 << 32
MASK = WORD - 1
GOLDEN = 0x9E3779B9
"""Added between the two draws of an arrival, so that one does not tell the other."""


def scramble(number: int) -> int:
    """Return a 32-bit hash of a 32-bit number that spreads neighbours evenly."""
    number ^= number >> 16
    number = number * 0x21F0AAAD & MASK
    number ^= number >> 15
    number = number * 0x735A2D97 & MASK
    return number ^ number >> 15


def thresholds(weights: Sequence[float]) -> list[int]:
    """Return the upper end of each weight's part of 0 .. 2^32, rising; no weight, no part."""
    total = sum(weights)
    ends = [min(WORD, round(part / total * WORD)) for part in accumulate(weights)]
    last = max(index for index, weight in enumerate(weights) if weight > 0)
    return ends[:last] + [WORD] * (len(ends) - last)


class Draws:
    """Draws of one seed: *ends* are the places' ``thresholds``, *payloads* how many there are."""

    __slots__ = ("_ends", "_payloads", "_seed")

    def __init__(self, seed: int, ends: Sequence[int], payloads: int) -> None:
        self._seed = scramble(seed & MASK)
        self._ends = ends
        self._payloads = payloads

    def of(self, number: int) -> tuple[int, int]:
        """Return the place and the payload of arrival *number*, as their indices."""
        first = scramble(number & MASK ^ self._seed)
        second = scramble(first + GOLDEN & MASK)
        return bisect_right(self._ends, first), second * self._payloads >> 32
