"""``sureshot lab scale-queue``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureshot_lab.cli.options import Runs
from sureshot_lab.cli.printing import Json, examples, note, print_json, print_line, print_table
from sureshot_lab.cli.scale_database_command import exit_code

if TYPE_CHECKING:
    from sureshot_lab.scale.queue_series import QueueSeries


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        "scale-queue",
        epilog=examples(
            "sureshot lab scale-queue --workers 1,2,4",
            "sureshot lab scale-queue --workers 1,2,3,4,6 --backlog 12000 --no-memory",
        ),
    )(scale_queue)


def scale_queue(
    workers: Annotated[str, typer.Option(help="Counts, with commas.")] = "1,2,4",
    backlog: Annotated[
        int, typer.Option(min=100, max=500_000, help="Webhooks that wait when sending begins.")
    ] = 20_000,
    memory: Annotated[
        bool, typer.Option(help="Also one worker with the queue in memory, beside RabbitMQ.")
    ] = True,
    runs: Runs = Path("runs"),
    results: Annotated[Path, typer.Option(help="Folder for queue-<n>x.json and the page.")] = Path(
        "results"
    ),
    as_json: Json = False,
) -> None:
    """Build a backlog while sending is paused, and time how one, two, four workers empty it.

    Each worker delivers 20 webhooks at once to receivers that take 100 ms, so that
    workers are the limit and not the CPU of this machine. Exits with 2 when a step is
    INVALID, with 1 when something was lost or still waits at the end.
    """
    from sureshot_lab.runs.options import Options  # noqa: PLC0415 - slow to load
    from sureshot_lab.scale.drain import SLOTS, QueueDrain  # noqa: PLC0415
    from sureshot_lab.scale.offered import counts_of  # noqa: PLC0415
    from sureshot_lab.scale.queue_page import write_page  # noqa: PLC0415
    from sureshot_lab.scale.queue_series import analyse, run_series  # noqa: PLC0415

    counts = counts_of("--workers", workers, 1, 64)
    driver = QueueDrain(backlog, Options(runs=runs, engine="native"))
    note(f"a backlog of {backlog:,}")
    steps, beside = asyncio.run(run_series(driver, counts, results, memory=memory, say=note))
    found = analyse(steps, beside, SLOTS, os.cpu_count())
    page = write_page(results, found)
    _show(found, page, as_json=as_json)
    every = steps if beside is None else [*steps, beside]
    raise typer.Exit(exit_code([one.result for one in every]))


def _show(found: QueueSeries, page: Path, *, as_json: bool) -> None:
    from sureshot_lab.analysis.wording import interval  # noqa: PLC0415 - slow to load
    from sureshot_lab.scale.queue_page import COLUMNS, rows_of  # noqa: PLC0415

    series = found.series
    if as_json:
        print_json({
            "verdict": found.verdict, "steps": series.scaled, "usl": series.usl,
            "held_out": series.held, "remarks": series.remarks,
            "memory_per_s": None if found.memory is None else found.memory.per_s,
            "jain": {one.replicas: one.jain for one in series.steps},
        })  # fmt: skip
        return
    print_table(COLUMNS, rows_of(found))
    if series.usl is not None:
        print_line(f"\nscalability law: {series.usl.sentence}")
        print_line(f"  contention {interval(series.usl.contention)}")
        print_line(f"  coherency {interval(series.usl.coherency)}")
    for text in (found.verdict, *series.remarks):
        print_line(f"\n{text}")
    print_line(f"\nresults: {page.parent}/queue-<n>x.json, {page}")
