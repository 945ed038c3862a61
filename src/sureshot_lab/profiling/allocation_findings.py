"""What a profile of the memory says, as figures, tables and findings of its run's report."""

from __future__ import annotations

from sureshot_lab.analysis.rules.finding import Severity, finding
from sureshot_lab.analysis.wording import number, size
from sureshot_lab.profiling.allocations import Allocations, Amount, Places, total
from sureshot_lab.profiling.stacks import Frame
from sureshot_lab.profiling.stages import LOOP, STAGES
from sureshot_lab.result import Finding, Table

ROWS = 15
GROWTH_BYTES_PER_WEBHOOK = 100.0
"""The id of a webhook alone, kept in a set, takes more."""
GROWTH_BYTES = 16 << 20
"""Less in all is no growth yet: buffers and the database's caches find their size."""


def allocation_metrics(found: Allocations, delivered: int) -> dict[str, float]:
    """Return entries of a run's ``metrics``; those of a webhook when any was *delivered*."""
    kept = total(found.kept.values())
    metrics = {
        "heap_added_at_peak_bytes": float(total(found.at_peak.values()).size_bytes),
        "heap_added_at_end_bytes": float(kept.size_bytes),
        "traced_rss_max_bytes": float(found.rss_peak_bytes),
    }
    if not delivered:
        return metrics
    made = total(found.made.values())
    return {
        **metrics,
        "allocated_bytes_per_webhook": made.size_bytes / delivered,
        "allocations_per_webhook": made.count / delivered,
        "kept_bytes_per_webhook": kept.size_bytes / delivered,
    }


def allocation_tables(found: Allocations, delivered: int) -> list[Table]:
    """Return levels and stages, and the places that allocate most, hold most and keep most."""
    peak = size(total(found.at_peak.values()).size_bytes)
    by_count = sorted(found.made.items(), key=lambda one: -one[1].count)
    return [
        _levels(found),
        _stages(found, delivered),
        _table("allocators-by-count", "Places by the allocations they made under the load",
               by_count, delivered),
        _table("allocators-at-peak", f"Places by what was live at the load's peak, {peak}",
               _by_size(found.at_peak), None),
        _table("allocators-kept", "Places by what they allocated and kept after the load",
               _by_size(found.kept), delivered),
    ]  # fmt: skip


def allocation_findings(found: Allocations, delivered: int) -> list[Finding]:
    """Return what a webhook costs, whether memory grows with them, and what memray does to both."""
    findings = []
    if delivered:
        made = total(found.made.values())
        stage, most = max(found.made_by_stage.items(), key=lambda one: one[1].count)
        findings.append(
            finding(
                Severity.NOTE,
                f"Most of a webhook's allocations are of: {stage}",
                f"{number(most.count / delivered)} of {number(made.count / delivered)} "
                f"allocations a webhook, {size(most.size_bytes / delivered)} of "
                f"{size(made.size_bytes / delivered)}",
            )
        )
        findings.append(_growth(found, delivered))
    findings.append(
        finding(
            Severity.NOTE,
            "memray slowed the service",
            "it notes every allocation: rates, latencies, CPU and RSS of this run are not the "
            "service's own",
            "take those of a plain run: `sureshot lab run`",
        )
    )
    return findings


def _growth(found: Allocations, delivered: int) -> Finding:
    kept = total(found.kept.values()).size_bytes
    evidence = (
        f"of what was allocated {size(total(found.at_peak.values()).size_bytes)} was live at the "
        f"peak and {size(kept)} after the last webhook: {number(kept / delivered)} bytes a webhook"
    )
    if kept < GROWTH_BYTES or kept / delivered < GROWTH_BYTES_PER_WEBHOOK:
        return finding(Severity.NOTE, "Memory hardly grew under the load", evidence)
    place, most = _by_size(found.kept)[0]
    return finding(
        Severity.WARNING,
        "Memory grew under the load",
        f"{evidence}; most by {place.function} {place.place}, {size(most.size_bytes)}",
        "profile a load twice as long: what grows as much again is a leak, what does not a cache",
    )


def _levels(found: Allocations) -> Table:
    at_peak, kept = total(found.at_peak.values()), total(found.kept.values())
    return Table(
        name="memory",
        title="Memory of the service: the process, with memray's own, and what the load added",
        columns=["when", "rss_bytes", "added_bytes", "added_allocations"],
        rows=[
            ["as the load began", found.rss_begin_bytes, 0, 0],
            ["at its peak", found.rss_peak_bytes, at_peak.size_bytes, at_peak.count],
            ["after the last webhook", found.rss_end_bytes, kept.size_bytes, kept.count],
        ],
    )


def _stages(found: Allocations, delivered: int) -> Table:
    every = [*(stage for stage, _files in STAGES), LOOP]
    made = [(stage, found.made_by_stage.get(stage, Amount())) for stage in every]
    return Table(
        name="allocation-stages",
        title="Allocations by stage of the delivery line, by the file that made them",
        columns=["stage", "allocations", "size_bytes", "allocations_per_webhook",
                 "bytes_per_webhook"],
        rows=[
            [stage, of.count, of.size_bytes, _each(of.count, delivered),
             _each(of.size_bytes, delivered)]
            for stage, of in made
        ],
    )  # fmt: skip


def _by_size(places: Places) -> list[tuple[Frame, Amount]]:
    return sorted(places.items(), key=lambda one: -one[1].size_bytes)


def _table(
    name: str, title: str, places: list[tuple[Frame, Amount]], delivered: int | None
) -> Table:
    """Return the first of *places*; with *delivered* told of a webhook too."""
    columns = ["function", "where", "allocations", "size_bytes"]
    rows: list[list[str | float | int | None]] = [
        [place.function, place.place, of.count, of.size_bytes] for place, of in places[:ROWS]
    ]
    if delivered is not None:
        columns += ["allocations_per_webhook", "bytes_per_webhook"]
        for row, (_place, of) in zip(rows, places, strict=False):
            row += [_each(of.count, delivered), _each(of.size_bytes, delivered)]
    return Table(name=name, title=title, columns=columns, rows=rows)


def _each(amount: int, delivered: int) -> float | None:
    return round(amount / delivered, 1) if delivered else None
