"""What is written of lanes: which close, which open, and what must be written before what."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from sureshot.ports import FULL, ClosedLane


class Opening(Enum):
    """How a lane is opened in the store: whatever closed it, or only if it is closed as full."""

    ANYHOW = "anyhow"
    IF_FULL = "if_full"


LaneChange = ClosedLane | Opening


def in_turns(batch: Sequence[tuple[str, LaneChange]]) -> list[dict[str, LaneChange]]:
    """Return *batch* as few sets of changes, each with the last one of every lane.

    What concerns fullness alone does not stand for what was asked before it: that is
    written first.
    """
    turns: list[dict[str, LaneChange]] = [{}]
    for key, change in batch:
        before = turns[-1].get(key)
        if before is not None and _of_fullness(change) and not _of_fullness(before):
            turns.append({})
        turns[-1][key] = change
    return turns


def _of_fullness(change: LaneChange) -> bool:
    if isinstance(change, ClosedLane):
        return change.reason == FULL
    return change is Opening.IF_FULL
