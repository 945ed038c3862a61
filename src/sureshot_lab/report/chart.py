"""Charts: lines and dots as SVG, axes and legend as text around it.

The drawing is stretched to the width there is; text is not part of it, so that
it stays legible on a telephone as on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sureshot_lab.report.axes import Axis, Tick
from sureshot_lab.report.figures import figure
from sureshot_lab.report.markup import Html, element, join
from sureshot_lab.report.timeline import Point

EXTENT = 1000
LETTERS = 60
"""How many letters of a phase's name the width of a chart has room for."""
FEW_LETTERS = 32
"""The same where the chart is drawn small: on a telephone, on paper."""
CORNER = 60
"""How far a limit turns up where it ends: below and left of the corner all is well."""
SAME_PLACE = 0.085
"""Events nearer to each other than this share one number, or they would overlap."""


@dataclass(frozen=True)
class Series:
    """Points in one colour, joined by a line or, as *dots*, not."""

    name: str
    points: Sequence[Point]
    colour: str
    width: float = 2.0
    dots: bool = False
    area: bool = False

    @property
    def known(self) -> list[tuple[float, float]]:
        """The points that have a value."""
        return [(at, value) for at, value in self.points if value is not None]


@dataclass(frozen=True)
class Limit:
    """A value not to cross; *text* says whose it is. *until*: the x where it stops to matter."""

    value: float
    text: str
    until: float | None = None
    colour: str = "red"


@dataclass(frozen=True)
class Band:
    """A phase of the run, behind the lines."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Flag:
    """An event of the run: *number* is its place in the list of events."""

    at: float
    number: int
    text: str


@dataclass(frozen=True)
class Chart:
    """Everything one chart shows. *unit*: of the values; *told*: x as a reader is told it."""

    title: str
    x: Axis
    y: Axis
    unit: str
    series: Sequence[Series]
    told: Callable[[float], str]
    limits: Sequence[Limit] = ()
    bands: Sequence[Band] = ()
    flags: Sequence[Flag] = ()
    note: str = ""
    values: bool = True
    """Whether the pointer is told the values below it."""


@dataclass(frozen=True)
class Missing:
    """What stands in a chart's place when there is nothing to draw."""

    title: str
    why: str


def draw(chart: Chart) -> Html:
    """Return the chart as a figure of HTML."""
    frame = element(
        "div",
        element("div", *_band_names(chart), class_="bands") if chart.bands else None,
        element("div", *_flag_names(chart), class_="flags") if chart.flags else None,
        element(
            "div",
            *(_label(tick, "bottom") for tick in chart.y.ticks),
            class_="y",
            data_widest=max((tick.label for tick in chart.y.ticks), key=len, default=""),
        ),
        element("div", _drawing(chart), class_="plot"),
        element("div", *(_label(tick, "left") for tick in chart.x.ticks), class_="x"),
        class_="frame",
    )
    return element(
        "figure",
        element(
            "figcaption",
            element("strong", chart.title),
            element("span", chart.y.title) if chart.y.title else None,
        ),
        _legend(chart),
        frame,
        element("p", chart.x.title, class_="xtitle"),
        element("p", chart.note, class_="note") if chart.note else None,
        class_="chart",
    )


def _drawing(chart: Chart) -> Html:
    description = ", ".join(series.name for series in chart.series)
    return element(
        "svg",
        element("title", f"{chart.title}: {description}"),
        *(_band(chart, index, band) for index, band in enumerate(chart.bands)),
        element("path", d=_grid(chart), class_="grid"),
        *(
            element("path", d=f"M{_x(chart, flag.at)} 0V{EXTENT}", class_="flagline")
            for flag in chart.flags
        ),
        *(
            element("path", d=_limit(chart, limit), class_=f"limitline c-{limit.colour}")
            for limit in shown_limits(chart)
        ),
        *(join(_drawn(chart, series)) for series in chart.series),
        viewBox=f"0 0 {EXTENT} {EXTENT}",
        preserveAspectRatio="none",
        role="img",
    )


def _drawn(chart: Chart, series: Series) -> list[Html]:
    known = series.known
    parts = []
    if series.area and known:
        parts.append(element("path", d=_area(chart, series), class_=f"area c-{series.colour}"))
    parts.append(
        element(
            "path",
            d=_dots(chart, known) if series.dots else _line(chart, series.points),
            class_=f"c-{series.colour}{' dots' if series.dots else ''}",
            stroke_width=series.width,
            data_name=series.name if chart.values else None,
            data_x="|".join(str(_x(chart, at)) for at, _value in known) if chart.values else None,
            data_at="|".join(chart.told(at) for at, _value in known) if chart.values else None,
            data_y=(
                "|".join(figure(value, chart.unit) for _at, value in known)
                if chart.values
                else None
            ),
        )
    )
    return parts


def _limit(chart: Chart, limit: Limit) -> str:
    y = _y(chart, limit.value)
    if limit.until is None:
        return f"M0 {y}H{EXTENT}"
    return f"M0 {y}H{_x(chart, limit.until)}V{max(0, y - CORNER)}"


def _line(chart: Chart, points: Sequence[Point]) -> str:
    # A gap where nothing was measured; a lone point between two gaps is a dot.
    path, drawing = [], False
    for at, value in points:
        if value is None:
            drawing = False
            continue
        place = f"{_x(chart, at)} {_y(chart, value)}"
        path.append(f"L{place}" if drawing else f"M{place}h0")
        drawing = True
    return "".join(path)


def _dots(chart: Chart, points: Sequence[tuple[float, float]]) -> str:
    # A line of no length with round ends: a circle, however the drawing is stretched.
    return "".join(f"M{_x(chart, at)} {_y(chart, value)}h0" for at, value in points)


def _area(chart: Chart, series: Series) -> str:
    pieces: list[list[tuple[float, float]]] = [[]]
    for at, value in series.points:
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append((at, value))
    return "".join(
        f"M{_x(chart, piece[0][0])} {EXTENT}"
        + "".join(f"L{_x(chart, at)} {_y(chart, value)}" for at, value in piece)
        + f"L{_x(chart, piece[-1][0])} {EXTENT}Z"
        for piece in pieces
        if piece
    )


def shown_limits(chart: Chart) -> list[Limit]:
    """Return the limits that lie within the chart."""
    return [limit for limit in chart.limits if chart.y.low <= limit.value <= chart.y.high]


def _legend(chart: Chart) -> Html:
    entries = [
        element("span", element("i", class_=f"key c-{s.colour}{' dot' if s.dots else ''}"), s.name)
        for s in chart.series
    ]
    shown = shown_limits(chart)
    entries += [
        element(
            "span",
            element("i", class_=f"key dashed c-{limit.colour}") if limit in shown else None,
            limit.text if limit in shown else f"{limit.text} (beyond this chart)",
        )
        for limit in chart.limits
    ]
    return element("div", *entries, class_="legend")


def _grid(chart: Chart) -> str:
    rows = (f"M0 {round(EXTENT * (1 - tick.place))}H{EXTENT}" for tick in chart.y.ticks)
    columns = (f"M{round(EXTENT * tick.place)} 0V{EXTENT}" for tick in chart.x.ticks)
    return "".join([*rows, *columns])


def _label(tick: Tick, side: str) -> Html:
    edge = "last" if side == "left" and tick.place > 0.96 else None
    return element("span", tick.label, style=f"{side}:{tick.place:.2%}", class_=edge)


def _band(chart: Chart, index: int, band: Band) -> Html:
    start, end = _x(chart, band.start), _x(chart, band.end)
    return element(
        "rect", x=start, y=0, width=end - start, height=EXTENT, class_=f"band{index % 2}"
    )


def _band_names(chart: Chart) -> list[Html]:
    return [_band_name(chart, index, band) for index, band in enumerate(chart.bands)]


def _band_name(chart: Chart, index: int, band: Band) -> Html:
    start, share = chart.x.place(band.start), chart.x.place(band.end) - chart.x.place(band.start)
    narrow = " narrow" if share * FEW_LETTERS < len(band.name) else ""
    return element(
        "span",
        band.name if share * LETTERS >= len(band.name) else "",
        title=band.name,
        class_=f"band{index % 2}{narrow}",
        style=f"left:{start:.2%};width:{share:.2%}",
    )


def _flag_names(chart: Chart) -> list[Html]:
    groups: list[list[Flag]] = []
    for flag in sorted(chart.flags, key=lambda flag: flag.at):
        if groups and chart.x.place(flag.at) - chart.x.place(groups[-1][0].at) < SAME_PLACE:
            groups[-1].append(flag)
        else:
            groups.append([flag])
    return [
        element(
            "b",
            str(group[0].number) if len(group) == 1 else f"{group[0].number}-{group[-1].number}",
            title="; ".join(flag.text for flag in group),
            class_="flag",
            style=f"left:{chart.x.place(group[0].at):.2%}",
        )
        for group in groups
    ]


def _x(chart: Chart, at: float) -> int:
    return round(EXTENT * chart.x.place(at))


def _y(chart: Chart, value: float) -> int:
    return round(EXTENT * (1 - chart.y.place(value)))
