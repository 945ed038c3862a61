"""The charts of one run: what is drawn, and what is said where nothing was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from sureshot_lab.report.axes import percentile_axis, time_axis, value_axis
from sureshot_lab.report.chart import Band, Chart, Flag, Limit, Missing, Series
from sureshot_lab.report.figures import clock, figure, short
from sureshot_lab.report.timeline import (
    Joined,
    joined_count,
    per_second,
    span_of,
    spread_out,
    thinned,
)
from sureshot_lab.report.titles import latency_title
from sureshot_lab.result import Gate, Interval, Latency, RunResult

COLOURS = ("blue", "orange", "teal", "purple", "pink", "yellow", "red", "grey")
NEAR = 4.0
"""A limit is drawn when it is at most this times the largest value; else the lines lie flat."""
HEADROOM = 1.15
"""So much room there is above a limit that is drawn."""
SPECTRUM_NOTE = "Each line ends at its slowest request."
CORNER_NOTE = "A limit is kept where the line passes below its corner."
NO_INTERVALS = "no request was timed in this run."


def spectrum(result: RunResult) -> Chart | Missing:
    """Return every latency by percentile, the rare ones with as much room as the common."""
    title = "Latency by percentile"
    told = {name: latency for name, latency in result.latencies.items() if latency.spectrum}
    if not told:
        return Missing(title, "no distribution of latencies was recorded in this run.")
    series = [
        Series(latency_title(name), _spectrum_points(latency), COLOURS[n % len(COLOURS)])
        for n, (name, latency) in enumerate(told.items())
    ]
    values = [value for line in series for _at, value in line.known]
    most = max(at for line in series for at, _value in line.points)
    limits = [
        replace(limit, until=1 / (1 - percentile / 100), colour=line.colour)
        for name, line in zip(told, series, strict=True)
        for percentile, limit in _limits(result.gates, name)
    ]
    near = _near(limits, values)
    return Chart(
        title=title,
        x=percentile_axis(most),
        y=value_axis([*values, *near], "s", "latency", spread=True),
        unit="s",
        series=series,
        told=_percentile,
        limits=limits,
        note=f"{SPECTRUM_NOTE} {CORNER_NOTE}" if near else SPECTRUM_NOTE,
    )


def latency_over_time(result: RunResult) -> Chart | Missing:
    """Return p50, p95 and p99 of the submissions, second by second."""
    title = "Submission latency over time"
    series = [
        _line(result, "p50", lambda i: i.p50_s, "teal", Joined.HIGHEST),
        _line(result, "p95", lambda i: i.p95_s, "blue", Joined.HIGHEST),
        _line(result, "p99", lambda i: i.p99_s, "purple", Joined.HIGHEST),
    ]
    if not any(line.known for line in series):
        why = NO_INTERVALS if not result.intervals else "no request was answered in this run."
        return Missing(title, why)
    limits = [limit for _percentile, limit in _limits(result.gates, "submission")]
    note = "By the second a request was meant to be sent in, so that a stall counts in full."
    return over_time(result, title, "s", "latency", series, limits=limits, spread=True, note=note)


def throughput(result: RunResult) -> Chart | Missing:
    """Return what was meant to be sent, sent, accepted and delivered, a second each."""
    title = "Rate over time"
    if not result.intervals:
        return Missing(title, NO_INTERVALS)
    # Thick below thin: where all four are one line, all four can still be seen.
    series = [
        _line(result, "intended", lambda i: i.intended, "grey", Joined.MEAN, 7.0),
        _line(result, "sent", lambda i: i.sent, "blue", Joined.MEAN, 4.5),
        _line(result, "accepted", lambda i: i.succeeded, "orange", Joined.MEAN, 2.5),
        _line(result, "delivered", lambda i: i.delivered, "teal", Joined.MEAN, 1.3),
    ]
    note = "Sent is by the second a request left in, accepted by the one it was meant for."
    return over_time(result, title, "per_s", "rate", series, note=note)


def latency_by_rate(result: RunResult) -> Chart | Missing:
    """Return each second's p95 over the rate that was meant for it."""
    title = "Latency by rate"
    cloud = [(float(i.intended), i.p95_s) for i in result.intervals if i.p95_s is not None]
    if not cloud:
        why = NO_INTERVALS if not result.intervals else "no request was answered in this run."
        return Missing(title, why)
    points = spread_out([(rate, p95_s) for rate, p95_s in cloud])
    x = value_axis([rate for rate, _p95 in points], "per_s", "requests meant for the second")
    y = value_axis([p95_s for _rate, p95_s in points], "s", "p95 of the second", spread=True)
    dots = Series("one second of the run", points, "blue", width=6.0, dots=True)
    return Chart(title, x, y, "s", [dots], lambda rate: figure(rate, "per_s"), values=False)


def errors_over_time(result: RunResult) -> Chart | Missing:
    """Return failed and dropped requests, a second each."""
    title = "Errors over time"
    if not result.intervals:
        return Missing(title, NO_INTERVALS)
    if not any(i.failed or i.dropped for i in result.intervals):
        return Missing(title, "no request failed, and none was dropped.")
    series = [
        _line(result, "failed", lambda i: i.failed, "red", Joined.MEAN, area=True),
        _line(result, "dropped by the generator", lambda i: i.dropped, "yellow", Joined.MEAN),
    ]
    return over_time(result, title, "per_s", "requests", series)


def in_flight(result: RunResult) -> Chart | Missing:
    """Return how many requests the generator had open."""
    title = "Requests open at the generator"
    if not any(i.in_flight for i in result.intervals):
        return Missing(title, "the generator did not record it.")
    line = _line(result, "open", lambda i: i.in_flight, "blue", Joined.HIGHEST, area=True)
    return over_time(result, title, "count", "requests", [line])


def over_time(
    result: RunResult,
    title: str,
    unit: str,
    what: str,
    series: Sequence[Series],
    *,
    limits: Sequence[Limit] = (),
    spread: bool = False,
    note: str = "",
) -> Chart | Missing:
    """Return *series* over the run's time, phases behind, events marked; ``Missing`` if empty."""
    values = [value for line in series for _at, value in line.known]
    if not values:
        return Missing(title, "not sampled in this run.")
    span = span_of(result)
    return Chart(
        title=title,
        x=time_axis(span.start_s, span.end_s),
        y=value_axis([*values, *_near(limits, values)], unit, what, spread=spread),
        unit=unit,
        series=series,
        told=clock,
        limits=limits,
        bands=[Band(phase.name, phase.start_s, phase.end_s) for phase in result.phases],
        flags=flags(result),
        note=note,
    )


def flags(result: RunResult) -> list[Flag]:
    """Return the run's events with their numbers, from 1, by time."""
    ordered = sorted(result.events, key=lambda event: event.at_s)
    return [Flag(event.at_s, n, event.what) for n, event in enumerate(ordered, 1)]


def thinning_note(result: RunResult) -> str:
    """Return what one point stands for in a run too long to draw every second of."""
    size = joined_count(max(len(result.intervals), len(result.samples)))
    if size <= 1:
        return ""
    return (
        f"The run is long: in its charts up to {size} seconds are one point. "
        "A latency or a level is the highest of them, a rate their mean."
    )


def _line(
    result: RunResult,
    name: str,
    value: Callable[[Interval], float | None],
    colour: str,
    joined: Joined,
    width: float = 2.0,
    *,
    area: bool = False,
) -> Series:
    points = per_second(result.intervals, value, joined)
    return Series(name, points, colour, width=width, area=area)


def _spectrum_points(latency: Latency) -> list[tuple[float, float | None]]:
    # The slowest of n requests is the percentile 1 - 1/n; 100 itself has no place on the axis.
    last = float(max(latency.count, 1))
    points: list[tuple[float, float | None]] = []
    for percentile, value in latency.spectrum:
        at = 1 / (1 - percentile / 100) if percentile < 100 else last
        points.append((min(at, last), value))
    return thinned(points, Joined.HIGHEST)


def _percentile(at: float) -> str:
    return figure(1 - 1 / at, "share") if at > 1 else "0 %"


def _limits(gates: Iterable[Gate], latency: str) -> list[tuple[float, Limit]]:
    """Return the limits that gates set to percentiles of *latency*, each with its percentile."""
    found = []
    for gate in gates:
        stem, _, digits = gate.metric.removesuffix("_s").rpartition("_p")
        if stem == latency and digits.isdigit() and gate.comparison in {"<", "<="}:
            percentile = float(f"{digits[:2]}.{digits[2:] or 0}")
            text = f"limit of {gate.title or gate.name}: {short(gate.limit, 's')}"
            found.append((percentile, Limit(gate.limit, text)))
    return found


def _near(limits: Iterable[Limit], values: Sequence[float]) -> list[float]:
    return [HEADROOM * limit.value for limit in limits if limit.value <= NEAR * max(values)]
