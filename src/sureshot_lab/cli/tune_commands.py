"""``sureshot lab tune``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sureshot_lab.cli.options import Changes, Runs, ScenarioName
from sureshot_lab.cli.printing import Json, examples, note, print_json, print_line, print_table
from sureshot_lab.errors import LabError

if TYPE_CHECKING:
    from sureshot_lab.tuning.outcome import Tuning
    from sureshot_lab.tuning.tune import Plan

EXIT_CODES = {"better": 0, "no difference": 1, "undecided": 2}
BESIDES_S = 6.0
"""What a run takes beside its load: a start, a look at the quiet service, a drain, a stop."""


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        epilog=examples(
            "sureshot lab tune load",
            "sureshot lab tune load --profile cluster --objective latency --trials 30",
            "sureshot lab tune load --start sureshot.toml     # better than what you have now",
            "sureshot lab tune load --set service.settings.queue_limit=4000   # not searched then",
        )
    )(tune)


def tune(
    name: ScenarioName,
    profile: Annotated[
        str | None, typer.Option(help="embedded, postgres or cluster; the scenario's if left out.")
    ] = None,
    trials: Annotated[int, typer.Option(min=2, help="Points that are tried at most.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="Load of each run.")] = 8.0,
    objective: Annotated[
        str, typer.Option(help="cpu (a webhook), latency (end to end, p95), goodput (delivered/s).")
    ] = "cpu",
    repeats: Annotated[int, typer.Option(min=4, help="Runs of each side at the end.")] = 6,
    change: Changes = None,
    start: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A sureshot.toml to begin at, in the defaults' place."),
    ] = None,
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="Where better settings are written.")
    ] = Path("sureshot-tuned.toml"),
    seed: Annotated[int, typer.Option(help="Same seed, same points to begin with.")] = 1,
    runs: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """Search settings that are better for a scenario, and hold them against what you have.

    Every trial is a short run with a service of its own; one that is INVALID or misses a
    gate of the scenario is no candidate. The first are the defaults, or those of --start.
    At the end the best and the first run in turns, and only what is significantly better
    is written, as a sureshot.toml. Ctrl-C ends it in order and tells the best so far.

    \b
    Exit codes:
      0  better settings were found and written
      1  no significant difference: keep what you have; nothing was written
      2  undecided: stopped, no candidate, or too few valid runs; nothing was written
      3  it could not begin
    """  # noqa: D301 - click's mark for lines that stay as they are
    from sureshot_lab.cli.live import watched  # noqa: PLC0415 - slow to load
    from sureshot_lab.tuning.settings_file import refuse_foreign  # noqa: PLC0415
    from sureshot_lab.tuning.tune import tune as tune_it  # noqa: PLC0415

    refuse_foreign(output)
    plan = _plan(
        name, profile, trials, seconds, objective, repeats, change or [], start, seed, runs
    )
    run_s = plan.scenario.load.warm_up_s + seconds + BESIDES_S
    note(f"{plan.space.size:,} points, {trials} trials and up to {2 * repeats} runs to compare: "
         f"about {(trials + 2 * repeats) * run_s / 60:.0f} min")  # fmt: skip

    def tuned(_tell: Any, stop: asyncio.Event) -> Any:
        return tune_it(plan, note, stop)

    tuning, folder = asyncio.run(watched(tuned, quiet=True))
    tuning = _kept(tuning, folder, output)
    if as_json:
        print_json(tuning)
    else:
        _show(tuning, folder)
    raise typer.Exit(EXIT_CODES[tuning.judgement.outcome])


def _plan(
    name: str, profile: str | None, trials: int, seconds: float, objective: str, repeats: int,
    told: Sequence[str], start: Path | None, seed: int, runs: Path,
) -> Plan:  # fmt: skip
    from sureshot_lab.cli.run_commands import changes_of  # noqa: PLC0415 - slow to load
    from sureshot_lab.runs.own_service import PROFILES  # noqa: PLC0415
    from sureshot_lab.scenario import load_scenario  # noqa: PLC0415
    from sureshot_lab.tuning.beginning import beginning  # noqa: PLC0415
    from sureshot_lab.tuning.objective import Objective  # noqa: PLC0415
    from sureshot_lab.tuning.space import space_of  # noqa: PLC0415
    from sureshot_lab.tuning.tune import Plan, lasting  # noqa: PLC0415

    if objective not in set(Objective):
        raise LabError(f"--objective {objective}: must be one of {', '.join(Objective)}")
    changes = changes_of(told)
    if profile is not None:
        changes["service.profile"] = profile
    scenario = lasting(load_scenario(name, changes=changes), seconds)
    if scenario.service.profile not in PROFILES:
        raise LabError(f"--profile {profile}: must be one of {', '.join(PROFILES)}")
    begin = beginning(scenario.service.python, start)
    return Plan(
        scenario=scenario, space=space_of(scenario, changes, begin),
        objective=Objective(objective), trials=trials, repeats=repeats, seed=seed, runs=runs,
        told=begin.told,
    )  # fmt: skip


def _kept(tuning: Tuning, folder: Path, output: Path) -> Tuning:
    """Write the tuning, its page and, when they are better, the settings; return it as written."""
    import msgspec  # noqa: PLC0415 - slow to load

    from sureshot_lab.tuning.outcome import write_tuning  # noqa: PLC0415
    from sureshot_lab.tuning.page import write_page  # noqa: PLC0415
    from sureshot_lab.tuning.settings_file import write_settings  # noqa: PLC0415

    if EXIT_CODES[tuning.judgement.outcome] == 0:
        write_settings(output, tuning)
        tuning = msgspec.structs.replace(tuning, settings_file=str(output))
    folder.mkdir(parents=True, exist_ok=True)
    write_tuning(folder, tuning)
    write_page(folder, tuning)
    return tuning


def _show(tuning: Tuning, folder: Path) -> None:
    from sureshot_lab.tuning import page  # noqa: PLC0415 - slow to load

    columns, places = page.trial_columns(tuning), len(tuning.space)
    rows = [
        (cells[0], page.settings_in_words(tuning, trial), *cells[places + 1 :])
        for trial, cells in ((one, page.trial_cells(tuning, one)) for one in tuning.trials)
    ]
    print_table((columns[0], "Settings", *columns[places + 1 :]), rows)
    if tuning.judgement.compared:
        print_line(f"\nbefore: {tuning.start_name}; after: {page.changes_in_words(tuning.changes)}")
        print_table(page.COLUMNS, [page.cells(one) for one in tuning.judgement.compared])
    for remark in tuning.remarks:
        print_line(f"\n{remark}")
    print_line(f"\n{tuning.judgement.says}")
    if tuning.settings_file:
        print_line(f"settings: {tuning.settings_file}")
    print_line(f"report: {folder / page.FILE}")
