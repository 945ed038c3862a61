"""``sureshot lab report`` and ``sureshot lab index``: results read again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sureshot_lab.cli.printing import Json, examples, print_json, print_line


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command(
        epilog=examples(
            "sureshot lab report runs/20260102-030405-spike-1a2b",
            "sureshot lab report k6-summary.json k6-points.csv",
            "sureshot lab report --scaling results/scale-1x.json results/scale-3x.json",
        )
    )(report)
    app.command()(index)


def report(
    files: Annotated[list[Path], typer.Argument(help="Runs of the laboratory, or files of k6.")],
    scaling: Annotated[
        bool, typer.Option("--scaling", help="Compare the files as runs at several scales.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what result files say, and write a run's reports anew.

    Reads runs of the laboratory and all that k6 writes: the summary of
    --summary-export and of handleSummary, --out json and --out csv. Exits with 1
    when a target is missed, with 3 when a file cannot be read.
    """
    from sureshot_lab.readers.analyze import main  # noqa: PLC0415 - slow to load
    from sureshot_lab.result import FILE, read_result  # noqa: PLC0415
    from sureshot_lab.runs.run import write  # noqa: PLC0415

    for path in files:
        folder = path if path.is_dir() else path.parent
        if (folder / FILE).exists() and path.name in {folder.name, FILE}:
            write(folder, read_result(folder))
    if as_json:
        raise typer.Exit(_print_readings(files))
    arguments = ["--scaling"] if scaling else []
    raise typer.Exit(main([*arguments, *map(str, files)]))


def index(
    runs: Annotated[Path, typer.Argument(help="Folder the runs are kept in.")] = Path("runs"),
    as_json: Json = False,
) -> None:
    """Write a page over all runs, with trends: runs/index.html."""
    from sureshot_lab.report.index import write_index  # noqa: PLC0415 - slow to load

    page = str(write_index(runs))
    if as_json:
        print_json({"page": page})
    else:
        print_line(page)


def _print_readings(files: list[Path]) -> int:
    """Print what each file says of every target, as JSON; return the exit code."""
    from sureshot_lab.readers.analyze import MISSED, PASSED  # noqa: PLC0415 - slow to load
    from sureshot_lab.readers.files import read_file  # noqa: PLC0415
    from sureshot_lab.readers.judge import judge, missed  # noqa: PLC0415

    readings = [(path, read_file(path)) for path in files]
    print_json(
        [
            {
                "file": str(path),
                "requests": reading.requests,
                "failedRequests": reading.failed_requests,
                "ratePerS": reading.rate_per_s,
                "latency": vars(reading.latency),
                "targets": [{"state": one.state, "gate": one.gate} for one in judge(reading)],
            }
            for path, reading in readings
        ]
    )
    return MISSED if any(missed(one, judge(one)) for _path, one in readings) else PASSED
