"""``sureshot lab scale-database``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureshot_lab.cli.options import Runs
from sureshot_lab.cli.printing import Json, examples, note, print_json, print_line, print_table
from sureshot_lab.errors import LabError

if TYPE_CHECKING:
    from sureshot_lab.result import RunResult
    from sureshot_lab.scale.database import DatabaseScale
    from sureshot_lab.scale.database_series import DatabaseSeries

POOLS = "2,4,8,16"


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        "scale-database",
        epilog=examples(
            "sureshot lab scale-database --rows 10000,100000,1000000",
            "sureshot lab scale-database --rows 10000,100000,1000000,10000000 --pool 2,4,8,16",
            "sureshot lab scale-database --profile embedded --rows 10000,1000000 --repeats 5",
        ),
    )(scale_database)


def scale_database(
    rows: Annotated[
        str, typer.Option(help="Finished webhooks there are already, with commas.")
    ] = "10000,100000,1000000",
    pool: Annotated[
        str | None,
        typer.Option(help=f"Connections of a process; of postgres {POOLS}, none: no such runs."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=3, help="Load of each run.")] = 15.0,
    rate: Annotated[float, typer.Option(min=1, help="Webhooks a second in every run.")] = 300.0,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, in turns.")] = 3,
    profile: Annotated[str, typer.Option(help="postgres or embedded.")] = "postgres",
    runs: Runs = Path("runs"),
    results: Annotated[Path, typer.Option(help="Folder for database-*.json and the page.")] = Path(
        "results"
    ),
    as_json: Json = False,
) -> None:
    """Offer one load to databases of ever more finished webhooks, and say what history costs.

    Each past is filled into a database of its own, which is dropped at the end; then
    pools of several sizes run on the shortest past. Runs go in turns. Exits with 2 when a
    run is INVALID, with 1 when one has lost something.
    """
    from sureshot_lab.runs.options import Options  # noqa: PLC0415 - slow to load
    from sureshot_lab.scale.database import DatabaseScale  # noqa: PLC0415
    from sureshot_lab.scale.database_page import write_page  # noqa: PLC0415
    from sureshot_lab.scale.database_series import MOST_ROWS, analyse  # noqa: PLC0415
    from sureshot_lab.scale.offered import counts_of  # noqa: PLC0415

    counts = counts_of("--rows", rows, 1, MOST_ROWS)
    pools = _pools(pool, profile)
    driver = DatabaseScale(rate, seconds, Options(runs=runs, engine="native"), profile)
    note(f"{rate:.0f}/s for {seconds:.0f} s, {repeats} times each")
    series = analyse(*asyncio.run(_measured(driver, counts, pools, repeats, results)))
    page = write_page(results, series)
    _show(series, page, as_json=as_json)
    raise typer.Exit(exit_code([*_all(series)]))


def exit_code(results: list[RunResult]) -> int:
    """Return 2 when one of *results* is INVALID, 1 when one is FAIL, else 0."""
    verdicts = {str(one.verdict) for one in results}
    return 2 if "INVALID" in verdicts else int("FAIL" in verdicts)


def _pools(text: str | None, profile: str) -> list[int]:
    from sureshot_lab.scale.offered import counts_of  # noqa: PLC0415 - slow to load

    if profile == "embedded":
        if text not in {None, "none"}:
            raise LabError("--pool is for --profile postgres: SQLite has no connections to pool")
        return []
    return [] if text == "none" else counts_of("--pool", text or POOLS, 2, 100)


async def _measured(
    driver: DatabaseScale, counts: list[int], pools: list[int], repeats: int, folder: Path
) -> tuple[dict[int, list[RunResult]], dict[int, list[RunResult]]]:
    from sureshot_lab.scale.database_series import run_series  # noqa: PLC0415 - slow to load

    try:
        return await run_series(driver, counts, pools, repeats, folder, note)
    finally:
        await driver.close()


def _all(series: DatabaseSeries) -> list[RunResult]:
    every = [*series.by_rows.values(), *series.by_pool.values()]
    return [one for results in every for one in results]


def _show(series: DatabaseSeries, page: Path, *, as_json: bool) -> None:
    from sureshot_lab.scale.database_page import (  # noqa: PLC0415 - slow to load
        SHOWN,
        SLOPES,
        columns,
        rows_of,
        slope_cells,
    )
    from sureshot_lab.scale.database_series import medians  # noqa: PLC0415

    if as_json:
        print_json({
            "verdict": series.verdict, "slowed": series.slowed, "remarks": series.remarks,
            "slopes": series.slopes,
            "rows": {n: {m: medians(r, m) for m in SHOWN} for n, r in series.by_rows.items()},
            "pools": {n: {m: medians(r, m) for m in SHOWN} for n, r in series.by_pool.items()},
        })  # fmt: skip
        return
    print_table(columns("Rows"), rows_of(series.by_rows))
    if series.by_pool:
        print_line()
        print_table(columns("Pool"), rows_of(series.by_pool))
    if series.slopes:
        print_line()
        print_table(SLOPES, [slope_cells(one) for one in series.slopes])
    for text in (series.verdict, *series.remarks):
        print_line(f"\n{text}")
    print_line(f"\nresults: {page.parent}/database-*.json, {page}")
