"""``sureshot lab profile``."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureshot_lab.cli.printing import Json, examples, note, print_json, print_line
from sureshot_lab.cli.run_commands import EXIT_CODES, changes_of, show

if TYPE_CHECKING:
    from sureshot_lab.result import RunResult
    from sureshot_lab.runs.options import Options
    from sureshot_lab.scenario import Scenario


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        epilog=examples(
            "sureshot lab profile load",
            "sureshot lab profile load --smoke --set service.profile=postgres",
        )
    )(profile)


def profile(
    name: Annotated[str, typer.Argument(help="A scenario's name, or a file that ends in .toml.")],
    smoke: Annotated[bool, typer.Option("--smoke", help="The small size, 30 s or less.")] = False,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change the scenario; repeatable."),
    ] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Folder the runs are kept in.")] = Path(
        "runs"
    ),
    as_json: Json = False,
) -> None:
    """Run a scenario under py-spy and say where the service's CPU goes.

    By stage of the delivery line in microseconds a webhook, by function, and with
    PostgreSQL by SQL statement; runs/<id>/profile/flame-graph.svg shows the stacks.
    py-spy slows the service a little: compare rates of plain runs, not of profiles.
    """
    from sureshot_lab.runs.options import Options  # noqa: PLC0415 - slow to load
    from sureshot_lab.scenario import load_scenario  # noqa: PLC0415

    scenario = load_scenario(name, smoke=smoke, changes=changes_of(change or []))
    result, folder = asyncio.run(_profiled(scenario, Options(runs=runs), quiet=as_json))
    if as_json:
        print_json({"id": result.id, "verdict": result.verdict, "tables": result.tables,
                    "files": result.files, "folder": str(folder)})  # fmt: skip
    else:
        show(result, folder)
        print_line(f"flame graph: {folder / result.files['flame-graph']}")
    raise typer.Exit(EXIT_CODES[result.verdict])


async def _profiled(scenario: Scenario, options: Options, *, quiet: bool) -> tuple[RunResult, Path]:
    """Profile with a live view; Ctrl-C ends it in order."""
    from sureshot_lab.cli.live import watching  # noqa: PLC0415 - slow to load
    from sureshot_lab.profiling.profile_run import profile_scenario  # noqa: PLC0415

    stop = asyncio.Event()

    def on_signal() -> None:
        note("stopping; what was measured is kept")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    with watching(quiet=quiet) as tell:
        return await profile_scenario(scenario, options, tell, stop)
