"""The charts of what the sampler saw: queue, processor, memory, files, and everything else."""

from __future__ import annotations

from collections.abc import Sequence

from sureshot_lab.report.chart import Chart, Limit, Missing, Series
from sureshot_lab.report.figures import short, unit_of
from sureshot_lab.report.run_charts import COLOURS, over_time
from sureshot_lab.report.timeline import Joined, by_measure, sample_names, sampled
from sureshot_lab.report.titles import measure_of, owner_of, percentile_of, title_of
from sureshot_lab.result import RunResult
from sureshot_lab.targets import load_targets

ITSELF = "metrics"
"""The owner of what the service tells at /metrics."""
MOST_LINES = 8
QUEUE = ("queue_depth", "backlog", "in_flight", "ready", "unacked")
OWN = {"cpu_cores": "CPU", "rss_bytes": "Memory (RSS)", "fds": "File descriptors"}
HOST = ("cpu_share", "steal_share", "iowait_share")
OWN_COLOURS = {
    "service": "blue",
    "generator": "orange",
    "sink": "teal",
    "host": "purple",
    "store": "pink",
    "metrics": "blue",
}
LEVELS = {"rss_bytes": "memory", "queue_depth": "queue-depth", "ready": "queue-depth"}
"""Resources of the specification whose target is drawn, by the measure they are about."""


def queue_chart(result: RunResult) -> Chart | Missing:
    """Return depth, backlog and in flight in one."""
    names = [name for name in sample_names(result.samples) if measure_of(name) in QUEUE]
    return _chart(result, "Queue", names, by_owner=False)


def resource_charts(result: RunResult) -> list[Chart | Missing]:
    """Return processor, host, memory and files; each says so when it was not sampled."""
    groups = by_measure(_told_once(sample_names(result.samples)))
    host = [name for measure in HOST for name in groups.get(measure, [])]
    cpu, memory, files = (_chart(result, title, groups.get(n, [])) for n, title in OWN.items())
    return [cpu, _chart(result, "CPU of the host", host, by_owner=False), memory, files]


def other_charts(result: RunResult) -> list[Chart | Missing]:
    """Return a chart for each kind of sample that has none of its own."""
    shown = {*QUEUE, *HOST, *OWN}
    groups = by_measure(_told_once(sample_names(result.samples)))
    return [
        _chart(result, title_of(measure), names)
        for measure, names in groups.items()
        if measure not in shown
    ]


def _chart(
    result: RunResult, title: str, names: Sequence[str], *, by_owner: bool = True
) -> Chart | Missing:
    unit = unit_of(names[0]) if names else "count"
    joined = Joined.MEAN if unit in {"cores", "share", "per_s"} else Joined.HIGHEST
    drawn = sorted(names, key=lambda name: owner_of(name) != "service")[:MOST_LINES]
    colours = _colours(drawn) if by_owner else COLOURS
    series = [
        Series(
            _owner(name) if by_owner else _told(name, drawn),
            sampled(result.samples, name, joined),
            colours[n],
            area=len(drawn) == 1,
        )
        for n, name in enumerate(drawn)
    ]
    left_out = len(names) - len(drawn)
    note = f"{left_out} more were sampled and are in result.json." if left_out else ""
    spread = unit == "s"
    return over_time(
        result, title, unit, "", series, limits=_levels(names), spread=spread, note=note
    )


def _told_once(names: Sequence[str]) -> list[str]:
    """Leave out what the service tells of itself where its processes were looked at."""
    return [
        name
        for name in names
        if owner_of(name) != ITSELF or f"service.{measure_of(name)}" not in names
    ]


def _owner(name: str) -> str:
    owner = "service" if owner_of(name) == ITSELF else owner_of(name) or title_of(name)
    return " ".join(part for part in (owner, percentile_of(measure_of(name))) if part)


def _told(name: str, drawn: Sequence[str]) -> str:
    """Name the measure; its owner as well where two have the same."""
    measure = measure_of(name)
    alone = sum(measure_of(other) == measure for other in drawn) == 1
    return title_of(measure) if alone else f"{title_of(measure)} ({owner_of(name)})"


def _colours(names: Sequence[str]) -> list[str]:
    # The same owner has the same colour in every chart.
    owners = [owner_of(name) for name in names]
    known = [OWN_COLOURS.get(one) if owners.count(one) == 1 else None for one in owners]
    free = iter([colour for colour in COLOURS if colour not in known] + list(COLOURS))
    return [colour or next(free) for colour in known]


def _levels(names: Sequence[str]) -> list[Limit]:
    wanted = {LEVELS[measure_of(name)] for name in names if measure_of(name) in LEVELS}
    return [
        Limit(resource.target, f"target of the service: {short(resource.target, resource.unit)}")
        for resource in load_targets().resource
        if resource.name in wanted
    ]
