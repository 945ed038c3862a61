"""A small line of a few figures, for a glance at how they moved."""

from __future__ import annotations

from collections.abc import Sequence

from sureshot_lab.report.markup import Html, element

EXTENT = 1000
LEAST_SPAN = 0.25
"""The height stands for at least this share of the largest value: noise must not look like news."""


def sparkline(values: Sequence[float], told: Sequence[str], changes: Sequence[int] = ()) -> Html:
    """Return *values* as a line with a dot each, their middle in its middle.

    *told* is what each dot says. Before each of *changes*, by index, stands an upright line.
    """
    low, high = min(values), max(values)
    span = max(high - low, LEAST_SPAN * abs(high)) or 1.0
    foot = (low + high - span) / 2
    gap = EXTENT / max(1, len(values) - 1)
    places = [
        (round(n * gap), round(EXTENT * (1 - (value - foot) / span)))
        for n, value in enumerate(values)
    ]
    line = "M" + "L".join(f"{x} {y}" for x, y in places)
    return element(
        "svg",
        element("title", "; ".join(told)),
        *(
            element("path", d=f"M{_before(index, gap)} 0v{EXTENT}", class_="c-orange mark")
            for index in changes
        ),
        element("path", d=line, class_="c-blue", stroke_width=1.6),
        *(
            element(
                "path", element("title", text), d=f"M{x} {y}h0", class_="c-blue", stroke_width=6
            )
            for (x, y), text in zip(places, told, strict=True)
        ),
        viewBox=f"0 0 {EXTENT} {EXTENT}",
        preserveAspectRatio="none",
        role="img",
        class_="spark",
    )


def _before(index: int, gap: float) -> int:
    """Return the middle between a value and the one before it."""
    return round((index - 0.5) * gap)
