"""A change with its interval as a bar about a stroke at no change."""

from __future__ import annotations

import math
from collections.abc import Iterable

from sureshot_lab.report.markup import Html, element

EXTENT = 1000
LEAST_REACH = 0.02
"""The bars show at least this share to either side: a tenth of a percent is not to fill them."""

Moved = tuple[float | None, tuple[float, float] | None]
"""A change and its interval."""


def reach(changes: Iterable[Moved]) -> float:
    """Return the share that the edges of all bars stand for: the widest finite end."""
    ends = [LEAST_REACH]
    for change, interval in changes:
        ends += [abs(end) for end in (change, *(interval or ())) if end is not None]
    return max(end for end in ends if math.isfinite(end))


def interval_bar(
    change: float | None, interval: tuple[float, float] | None, most: float
) -> Html | None:
    """Return the bar; an end that is not known goes to the edge. None without a change."""
    if change is None:
        return None
    low, high = (_place(end, most) for end in (interval or (change, change)))
    return element(
        "svg",
        element("path", d=f"M{EXTENT // 2} 0V{EXTENT}", class_="flagline"),
        element(
            "path", d=f"M{low} {EXTENT // 2}H{high}", class_="c-blue", stroke_width=5, opacity=0.4
        ),
        element(
            "path", d=f"M{_place(change, most)} {EXTENT // 2}h0", class_="c-blue", stroke_width=9
        ),
        viewBox=f"0 0 {EXTENT} {EXTENT}",
        preserveAspectRatio="none",
        aria_hidden="true",
        class_="range",
    )


def _place(share: float, most: float) -> int:
    within = min(1.0, max(-1.0, share / most))
    return round(EXTENT / 2 * (1 + within))
