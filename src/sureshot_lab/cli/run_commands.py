"""``sureshot lab list`` and ``sureshot lab run``."""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sureshot_lab.cli.options import (
    AdminToken,
    Changes,
    DatabaseUrl,
    Engine,
    Environment,
    KubeContext,
    KubeNamespace,
    ManagementUrl,
    MeansIt,
    QueueName,
    QueueUrl,
    Rabbitmqctl,
    Runs,
    ScenarioName,
    SinkHost,
    SinkPort,
    Smoke,
    Target,
    Token,
)
from sureshot_lab.cli.printing import Json, examples, print_json, print_line, print_table
from sureshot_lab.errors import LabError

if TYPE_CHECKING:
    from sureshot_lab.result import RunResult
    from sureshot_lab.scenario import Scenario

MOST_ROWS = 40
EXIT_CODES = {"PASS": 0, "FAIL": 1, "INVALID": 2}


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command("list")(list_scenarios)
    app.command(
        epilog=examples(
            "sureshot lab run smoke",
            "sureshot lab run performance --engine k6",
            "sureshot lab run load --set load.warm_up_s=10 --set service.profile=cluster",
            "sureshot lab run my-own.toml --environment staging",
        )
    )(run)


def list_scenarios(as_json: Json = False) -> None:
    """Explain every scenario: what it does, how long, how much."""
    from sureshot_lab.scenario import load_scenario, scenario_names  # noqa: PLC0415 - slow to load

    found = [(load_scenario(name), load_scenario(name, smoke=True)) for name in scenario_names()]
    if as_json:
        print_json([scenario for scenario, _small in found])
        return
    print_table(
        ("Scenario", "Takes", "Smoke", "Peak", "What it does"),
        [
            (
                one.name,
                _takes(one),
                _takes(small),
                f"{one.load.peak_per_s:,.0f}/s" if one.load.peak_per_s else "closed",
                one.about,
            )
            for one, small in found
        ],
    )


def run(
    name: ScenarioName,
    smoke: Smoke = False,
    target: Target = None,
    token: Token = "",
    admin_token: AdminToken = None,
    engine: Engine = "auto",
    environment: Environment = "local",
    seed: Annotated[
        int | None,
        typer.Option(help="Same seed, same payloads and behaviours; the scenario's if left out."),
    ] = None,
    change: Changes = None,
    sink_host: SinkHost = "127.0.0.1",
    sink_port: SinkPort = 0,
    database_url: DatabaseUrl = "",
    queue_url: QueueUrl = "",
    queue_name: QueueName = "webhook-queue",
    management_url: ManagementUrl = "",
    kube_context: KubeContext = "",
    kube_namespace: KubeNamespace = "",
    rabbitmqctl: Rabbitmqctl = False,
    runs: Runs = Path("runs"),
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Put result.json there as well.")
    ] = None,
    i_mean_it: MeansIt = False,
    as_json: Json = False,
) -> None:
    """Run a scenario, print how it ended, and leave the reports in runs/<id>/.

    Without --target it starts a service and receivers of its own and stops them
    afterwards. Ctrl-C ends the run early: what was measured until then is kept,
    marked INVALID.
    """
    from sureshot_lab.runs.options import Options  # noqa: PLC0415 - slow to load
    from sureshot_lab.scenario import load_scenario  # noqa: PLC0415

    scenario = load_scenario(
        name, smoke=smoke, environment=environment, changes=changes_of(change or [])
    )
    options = Options(
        runs=runs, target=target, token=token, admin_token=admin_token, engine=engine,
        environment=environment, seed=seed, sink_host=sink_host, sink_port=sink_port,
        means_it=i_mean_it, database_url=database_url, queue_url=queue_url,
        queue_name=queue_name, management_url=management_url, kube_context=kube_context,
        kube_namespace=kube_namespace, rabbitmqctl=rabbitmqctl,
    )  # fmt: skip
    from sureshot_lab.cli.live import watched  # noqa: PLC0415 - slow to load
    from sureshot_lab.runs.run import run_scenario  # noqa: PLC0415

    run_it = functools.partial(run_scenario, scenario, options)
    result, folder = asyncio.run(watched(run_it, quiet=as_json))
    if output is not None:
        shutil.copyfile(folder / "result.json", output)
    if as_json:
        print_json(_short(result, folder))
    else:
        show(result, folder)
    raise typer.Exit(EXIT_CODES[result.verdict])


def show(result: RunResult, folder: Path) -> None:
    """Print how a run ended, and where its reports are."""
    from sureshot_lab.cli.printing import print_renderable  # noqa: PLC0415 - slow to load
    from sureshot_lab.report.terminal import render_summary  # noqa: PLC0415

    print_renderable(render_summary(result))
    for table in result.tables:
        print_line(f"\n{table.title}")
        rows = [["-" if cell is None else str(cell) for cell in row] for row in table.rows]
        print_table(table.columns, rows[:MOST_ROWS])
    print_line(f"report: {folder / 'report.html'}")


def changes_of(told: Sequence[str]) -> dict[str, Any]:
    """Return ``load.warm_up_s=10`` and the like as names and values."""
    import msgspec  # noqa: PLC0415 - slow to load

    changes: dict[str, Any] = {}
    for text in told:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise LabError(f"--set {text}: must be like load.warm_up_s=10")
        try:
            changes[name] = msgspec.toml.decode(f"value = {value}")["value"]
        except msgspec.DecodeError:
            changes[name] = value
    return changes


def _short(result: RunResult, folder: Path) -> dict[str, Any]:
    return {
        "id": result.id,
        "verdict": result.verdict,
        "reasons": result.reasons,
        "gates": result.gates,
        "metrics": result.metrics,
        "folder": str(folder),
    }


def _takes(scenario: Scenario) -> str:
    """Return how long load is offered, warm-up included; of a search, at most."""
    from sureshot_lab.runs.search_run import longest_s  # noqa: PLC0415 - slow to load

    searching = scenario.kind == "breakpoint"
    load_s = longest_s(scenario.search) if searching else scenario.load.duration_s
    seconds = scenario.load.warm_up_s + load_s
    told = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return f"{'up to ' * searching}{told}"
