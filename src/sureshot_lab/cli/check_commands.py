"""``sureshot lab preflight`` and ``closeout``: the checklists before and after a run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureshot_lab.cli.options import (
    AdminToken,
    Changes,
    DatabaseUrl,
    Engine,
    Environment,
    KubeContext,
    KubeNamespace,
    MeansIt,
    QueueName,
    QueueUrl,
    Runs,
    ScenarioName,
    SinkHost,
    SinkPort,
    Smoke,
    Target,
    Token,
)
from sureshot_lab.cli.printing import (
    Json,
    examples,
    note,
    print_json,
    print_line,
    print_renderable,
)
from sureshot_lab.errors import LabError

if TYPE_CHECKING:
    from sureshot_lab.checks.closeout import Answers
    from sureshot_lab.checks.notification import Notify
    from sureshot_lab.checks.plan import Plan

NOT_READY, STILL_OPEN = 3, 1


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command(
        epilog=examples(
            "sureshot lab preflight performance",
            "sureshot lab preflight load --set service.profile=cluster",
            "sureshot lab preflight spike --target https://hooks.staging.example --token T",
        )
    )(preflight)
    app.command(
        epilog=examples(
            "sureshot lab closeout runs/<id>",
            "sureshot lab closeout runs/<id> --notify https://chat.example/hooks/abc",
            "sureshot lab closeout runs/<id> --explain api-latency='a checkpoint' --follow-up none",
            "sureshot lab closeout runs/<id> --reviewer Ada --approver Grace",
        )
    )(closeout)


def preflight(
    name: ScenarioName = "performance",
    smoke: Smoke = False,
    target: Target = None,
    token: Token = "",
    admin_token: AdminToken = None,
    engine: Engine = "auto",
    environment: Environment = "local",
    change: Changes = None,
    sink_host: SinkHost = "127.0.0.1",
    sink_port: SinkPort = 0,
    database_url: DatabaseUrl = "",
    queue_url: QueueUrl = "",
    queue_name: QueueName = "webhook-queue",
    kube_context: KubeContext = "",
    kube_namespace: KubeNamespace = "",
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="A Prometheus that is to watch the run.")
    ] = None,
    runs: Runs = Path("runs"),
    baselines: Annotated[Path, typer.Option(help="Folder of baselines.")] = Path("baselines"),
    rules: Annotated[Path, typer.Option(help="Folder of alert rules.")] = Path("prometheus/rules"),
    i_mean_it: MeansIt = False,
    as_json: Json = False,
) -> None:
    """Go through the checklist before a run.

    It says what would make the run fail, or its figures worthless. Each line is looked
    at, not asked about: without --target a service is started for a moment, and one
    webhook is sent through it to a receiver of ours. Exits with 0 when nothing failed,
    else with 3. Warnings do not count.
    """
    from sureshot_lab.checks.plan import Plan  # noqa: PLC0415 - slow to load
    from sureshot_lab.cli.run_commands import changes_of  # noqa: PLC0415
    from sureshot_lab.runs.options import Options  # noqa: PLC0415
    from sureshot_lab.scenario import load_scenario  # noqa: PLC0415

    scenario = load_scenario(
        name, smoke=smoke, environment=environment, changes=changes_of(change or [])
    )
    options = Options(
        runs=runs, target=target, token=token, admin_token=admin_token, engine=engine,
        environment=environment, sink_host=sink_host, sink_port=sink_port, means_it=i_mean_it,
        database_url=database_url, queue_url=queue_url, queue_name=queue_name,
        kube_context=kube_context, kube_namespace=kube_namespace,
    )  # fmt: skip
    plan = Plan(
        scenario=scenario, options=options, baselines=baselines, rules=rules, prometheus=prometheus
    )
    raise typer.Exit(_look(plan, as_json=as_json))


def _look(plan: Plan, *, as_json: bool) -> int:
    """Go through the list, print it, and return the exit code."""
    from sureshot_lab.checks.preflight import preflight as look  # noqa: PLC0415 - slow to load
    from sureshot_lab.checks.terminal import render_preflight  # noqa: PLC0415

    if not as_json:
        note("looking at the machine for 2 s, then at the service")
    told = asyncio.run(look(plan))
    if as_json:
        print_json(told)
    else:
        print_renderable(render_preflight(told))
    return NOT_READY if told.state == "failed" else 0


def closeout(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its id.")],
    reviewer: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Who reviewed it; repeatable.")
    ] = None,
    approver: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Who approved it; repeatable.")
    ] = None,
    follow_up: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="What happens next; repeatable.")
    ] = None,
    recommend: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A recommendation; repeatable.")
    ] = None,
    explain: Annotated[
        list[str] | None, typer.Option(metavar="GATE=WHY", help="Why a gate was missed.")
    ] = None,
    notify: Annotated[
        str | None, typer.Option(metavar="URL", help="Send the news there, through the service.")
    ] = None,
    service: Annotated[
        str | None,
        typer.Option(metavar="URL", envvar="SURESHOT_URL", help="The service that sends it."),
    ] = None,
    token: Annotated[
        str, typer.Option(envvar="SURESHOT_API_TOKEN", help="That service's token.")
    ] = "",
    within: Annotated[float, typer.Option(min=0, help="Seconds to wait for its delivery.")] = 30.0,
    runs: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """Go through the checklist after a run.

    Writes closeout.md and closeout.json beside the result. What was said once is kept:
    repeat the command to tick what is still open. The news goes through --service, else
    through the run's own target, else through a service started for it. Exits with 0 when
    every line is ticked, else with 1.
    """
    from sureshot_lab.checks.closeout import Answers, run_folder  # noqa: PLC0415 - slow to load
    from sureshot_lab.checks.notification import Notify  # noqa: PLC0415

    answers = Answers(
        reviewers=reviewer or [],
        approvers=approver or [],
        follow_ups=follow_up or [],
        recommendations=recommend or [],
        explanations=explanations_of(explain or []),
    )
    to = None
    if notify is not None:
        to = Notify(url=notify, service=service, token=token, within_s=within)
    raise typer.Exit(_close(run_folder(run, runs), answers, to, as_json=as_json))


def _close(folder: Path, answers: Answers, to: Notify | None, *, as_json: bool) -> int:
    """Go through the list, write and print it, and return the exit code."""
    from sureshot_lab.checks.closeout import close_out  # noqa: PLC0415 - slow to load
    from sureshot_lab.checks.closeout_files import write_closeout  # noqa: PLC0415
    from sureshot_lab.checks.terminal import render_closeout  # noqa: PLC0415

    told = asyncio.run(close_out(folder, answers, to))
    written = write_closeout(folder, told)
    if as_json:
        print_json(told)
    else:
        print_renderable(render_closeout(told))
        print_line(f"written: {written}")
    return 0 if told.complete else STILL_OPEN


def explanations_of(told: Sequence[str]) -> dict[str, str]:
    """Return ``api-latency=a checkpoint`` and the like as names and reasons."""
    explanations: dict[str, str] = {}
    for text in told:
        name, _equals, why = text.partition("=")
        if not name or not why.strip():
            raise LabError(f"--explain {text}: must be like api-latency='a checkpoint at 0:12'")
        explanations[name] = why.strip()
    return explanations
