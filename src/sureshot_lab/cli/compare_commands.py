"""``sureshot lab compare`` and ``baseline``: whether something is different from before."""

from __future__ import annotations

import asyncio
import glob
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureshot_lab.cli.options import Runs
from sureshot_lab.cli.printing import Json, examples, note, print_json, print_line, print_table
from sureshot_lab.errors import LabError

if TYPE_CHECKING:
    from sureshot_lab.analysis.comparison import Comparison
    from sureshot_lab.result import RunResult

BASELINES = Path("baselines")
Folder = Annotated[Path, typer.Option("--baselines", help="Folder the baselines are kept in.")]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", help="A name of a run's metrics; repeatable.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command(
        epilog=examples(
            "sureshot lab compare 'runs/*-load-*a' 'runs/*-load-*b'",
            "sureshot lab compare --scenario load --smoke --repeats 5 "
            "--set-b service.settings.express=false",
            "sureshot lab compare --scenario load --set-a service.python=../old/.venv/bin/python",
        )
    )(compare)
    baselines = typer.Typer(help="Keep what a run came to, and compare later runs with it.")
    baselines.command("save")(save)
    baselines.command("check")(check)
    baselines.command("list")(list_baselines)
    app.add_typer(baselines, name="baseline", no_args_is_help=True)


def compare(
    a: Annotated[str | None, typer.Argument(help="Runs of A: a folder, or a quoted glob.")] = None,
    b: Annotated[str | None, typer.Argument(help="Runs of B, the same.")] = None,
    scenario: Annotated[
        str | None, typer.Option(help="Instead: run this one, A and B in turns.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=4, help="Runs of each side.")] = 5,
    smoke: Annotated[bool, typer.Option("--smoke", help="In the small size.")] = False,
    set_a: Annotated[list[str] | None, typer.Option(help="Change A, as run's --set.")] = None,
    set_b: Annotated[list[str] | None, typer.Option(help="Change B, the same.")] = None,
    metric: Metrics = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there, as .html or .md.")
    ] = None,
    runs: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """Say whether B differs from A, by how much, and how certain that is.

    Mann-Whitney over repetitions, with an interval of the shift; at least four of
    each. With --scenario it makes the runs itself, in turns, so that a machine that
    slows down meanwhile slows both. INVALID and stopped runs are left out; runs of
    several scenarios or sizes are refused. Exits with 1 when B is worse in something.
    """
    if scenario is not None:
        first, second = _made(scenario, smoke, set_a or [], set_b or [], repeats, runs)
    elif a is not None and b is not None:
        first, second = _comparable(_read(a), _read(b))
    else:
        raise LabError("give the runs of A and of B, or --scenario NAME to make them")
    compared = _compared(first, second, metric)
    if output is not None:
        _write(output, first, second, compared)
    _show(compared, len(first), len(second), as_json=as_json)
    raise typer.Exit(1 if any(one.answer == "worse" for one in compared) else 0)


def save(
    runs: Annotated[list[str], typer.Argument(help="Repetitions of one scenario.")],
    folder: Folder = BASELINES,
    as_json: Json = False,
) -> None:
    """Keep runs as the baseline of their scenario, machine and revision."""
    from sureshot_lab.analysis.baselines import baseline_of, save_baseline  # noqa: PLC0415 - slow

    results = [result for one in runs for result in _read(one)]
    path = str(save_baseline(folder, baseline_of(results)))
    if as_json:
        print_json({"baseline": path})
    else:
        print_line(path)


def check(
    runs: Annotated[list[str], typer.Argument(help="Runs to hold against the baseline.")],
    revision: Annotated[str | None, typer.Option(help="Of this revision, not the newest.")] = None,
    folder: Folder = BASELINES,
    as_json: Json = False,
) -> None:
    """Compare runs with their baseline; exits with 1 when something is worse."""
    from sureshot_lab.analysis.baselines import (  # noqa: PLC0415 - slow to load
        compare_with_baseline,
        load_baseline,
    )

    results = [result for one in runs for result in _read(one)]
    fingerprint = str(results[0].conditions.machine.get("fingerprint", ""))
    baseline = load_baseline(folder, results[0].scenario, fingerprint, revision)
    compared = compare_with_baseline(baseline, results)
    _show(compared, baseline.repetitions, len(results), as_json=as_json)
    raise typer.Exit(1 if any(one.answer == "worse" for one in compared) else 0)


def list_baselines(folder: Folder = BASELINES, as_json: Json = False) -> None:
    """List the baselines there are, the newest first."""
    from sureshot_lab.analysis import baselines  # noqa: PLC0415 - slow to load

    found = baselines.list_baselines(folder)
    if as_json:
        print_json(found)
        return
    rows = [
        (one.scenario, one.size, one.fingerprint, one.revision, str(one.repetitions),
         f"{one.finished_at:%Y-%m-%d %H:%M}")
        for one in found
    ]  # fmt: skip
    print_table(("Scenario", "Size", "Machine", "Revision", "Runs", "Finished"), rows)


def _made(
    name: str, smoke: bool, set_a: Sequence[str], set_b: Sequence[str], repeats: int, runs: Path
) -> tuple[list[RunResult], list[RunResult]]:
    """Run both sides in turns."""
    from sureshot_lab.cli.run_commands import changes_of  # noqa: PLC0415 - slow to load
    from sureshot_lab.runs.interleaved import interleave  # noqa: PLC0415
    from sureshot_lab.runs.options import Options  # noqa: PLC0415
    from sureshot_lab.scenario import load_scenario  # noqa: PLC0415

    sides = [load_scenario(name, smoke=smoke, changes=changes_of(told)) for told in (set_a, set_b)]
    done = asyncio.run(interleave(sides[0], sides[1], Options(runs=runs), repeats))
    if done.invalid:
        note(f"{done.invalid} invalid runs were thrown away")
    return done.a, done.b


def _read(pattern: str) -> list[RunResult]:
    from sureshot_lab.result import FILE, read_result  # noqa: PLC0415 - slow to load

    paths = [Path(one) for one in sorted(glob.glob(pattern))]  # noqa: PTH207 - may be absolute
    found = [path for path in paths if (path / FILE).exists() or path.name == FILE]
    if not found:
        raise LabError(f"{pattern}: no run is there; quote a glob such as 'runs/*-load-*'")
    return [read_result(path) for path in found]


def _comparable(
    a: Sequence[RunResult], b: Sequence[RunResult]
) -> tuple[list[RunResult], list[RunResult]]:
    from sureshot_lab.analysis.comparability import comparable  # noqa: PLC0415 - slow to load

    first, second, remarks = comparable(a, b)
    for remark in remarks:
        note(remark)
    return first, second


def _compared(
    a: Sequence[RunResult], b: Sequence[RunResult], metrics: Sequence[str] | None
) -> list[Comparison]:
    from sureshot_lab.analysis.baselines import KEY_METRICS  # noqa: PLC0415 - slow to load
    from sureshot_lab.analysis.comparison import compare_all  # noqa: PLC0415

    names = metrics or KEY_METRICS
    sides = [
        {name: [run.metrics[name] for run in side if name in run.metrics] for name in names}
        for side in (a, b)
    ]
    compared = compare_all(*sides)
    if not compared:
        raise LabError(f"no metric is in both sides; asked for {', '.join(names)}")
    return compared


def _write(
    path: Path, a: Sequence[RunResult], b: Sequence[RunResult], compared: Iterable[Comparison]
) -> None:
    from sureshot_lab.report.comparison import (  # noqa: PLC0415 - slow to load
        ComparisonRow,
        write_comparison,
    )

    rows = [
        ComparisonRow(
            one.metric,
            one.a_median,
            one.b_median,
            one.change.value,
            (one.change.low, one.change.high),
            one.sentence,
        )
        for one in compared
    ]
    write_comparison(path, a, b, rows)


def _show(compared: Iterable[Comparison], a: int, b: int, *, as_json: bool) -> None:
    compared = list(compared)
    if as_json:
        print_json(compared)
        return
    print_line(f"A: {a} runs, B: {b} runs")
    print_table(
        ("Metric", "Answer", "In words"),
        [(one.metric, str(one.answer), one.sentence) for one in compared],
    )
