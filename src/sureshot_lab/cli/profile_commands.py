"""``sureshot lab profile``."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path
from typing import Annotated

import typer

from sureshot_lab.cli.options import Changes, Runs, ScenarioName, Smoke
from sureshot_lab.cli.printing import Json, examples, print_json, print_line
from sureshot_lab.cli.run_commands import EXIT_CODES, changes_of, show

Memory = Annotated[
    bool, typer.Option("--memory", help="Allocations, under memray, instead of the CPU.")
]


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        epilog=examples(
            "sureshot lab profile load",
            "sureshot lab profile load --smoke --set service.profile=postgres",
            "sureshot lab profile load --smoke --memory",
        )
    )(profile)


def profile(
    name: ScenarioName,
    memory: Memory = False,
    smoke: Smoke = False,
    change: Changes = None,
    runs: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """Run a scenario under py-spy and say where the service's CPU goes.

    By stage of the delivery line in microseconds a webhook, by function, and with
    PostgreSQL by SQL statement; which callbacks held its event loop, and how late that
    is; runs/<id>/profile/flame-graph.svg shows the stacks. With --memory: what a webhook
    makes it allocate, what was live at the peak and what stayed.
    py-spy slows the service a little and memray much: take rates of plain runs.
    """
    from sureshot_lab.runs.options import Options  # noqa: PLC0415 - slow to load
    from sureshot_lab.scenario import load_scenario  # noqa: PLC0415

    scenario = load_scenario(name, smoke=smoke, changes=changes_of(change or []))
    from sureshot_lab.cli.live import watched  # noqa: PLC0415 - slow to load
    from sureshot_lab.profiling.profile_run import profile_scenario  # noqa: PLC0415

    profile_it = functools.partial(profile_scenario, scenario, Options(runs=runs), memory=memory)
    result, folder = asyncio.run(watched(profile_it, quiet=as_json))
    if as_json:
        print_json({"id": result.id, "verdict": result.verdict, "tables": result.tables,
                    "files": result.files, "folder": str(folder)})  # fmt: skip
    else:
        show(result, folder)
        print_line(f"flame graph: {folder / result.files['flame-graph']}")
    raise typer.Exit(EXIT_CODES[result.verdict])
