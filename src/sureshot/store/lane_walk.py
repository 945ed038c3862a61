"""Whose turn it is: the walk over lanes with waiting webhooks, begun where the last one stopped."""

from __future__ import annotations

from collections.abc import Sequence


class LaneWalk:
    """Goes from behind ``start`` to the last lane, then from the first one to ``start``.

    A walk over many lanes takes several calls; ``under_way`` tells that it is not
    over. One that met a limit is begun anew behind the lane where it did, so that
    lanes with much to do do not take every turn.
    """

    def __init__(self) -> None:
        self.after = ""
        """The lane behind which to look next; lanes are in the order of their names."""
        self.under_way = False
        self.start = ""
        """The lane behind which this walk began; "" is before all."""
        self._wrapped = False

    def begin_behind(self, lane: str) -> None:
        """Begin a new walk behind *lane*."""
        self.after = self.start = lane
        self.under_way = self._wrapped = False

    def take(self, lanes: Sequence[str], asked: int, up_to_start: int) -> int:
        """Note the *lanes* found behind ``after``, of *asked* for; return how many belong here.

        *up_to_start* of them are not behind ``start`` in the order of whoever found them:
        a database may sort otherwise than this language.
        """
        kept = up_to_start if self._wrapped else len(lanes)
        self.under_way = True
        if kept == asked:
            self.after = lanes[-1]
        elif self._wrapped or not self.start:
            self.begin_behind("")
        else:
            self.after, self._wrapped = "", True
        return kept
