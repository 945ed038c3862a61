"""``sureshot lab scale``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureshot_lab.cli.options import AdminToken, MeansIt, Runs, SinkHost, SinkPort, Target, Token
from sureshot_lab.cli.printing import Json, examples, note, print_json, print_line, print_table
from sureshot_lab.errors import LabError

if TYPE_CHECKING:
    from sureshot_lab.runs.options import Options
    from sureshot_lab.scale.series import Driver, Series

MetricsUrl = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        help="Of kubernetes: where the pods tell their metrics, for how evenly they take. "
        "A name that leads to several is asked at every address; repeatable.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        epilog=examples(
            "sureshot lab scale",
            "sureshot lab scale --replicas 1,2,3,4 --profile cluster --seconds 20",
            "sureshot lab scale --driver kubernetes --target https://hooks.staging.example \\",
            "    --rate 2000 --sink-host 10.0.0.5 --sink-port 9700",
        )
    )(scale)


def scale(
    replicas: Annotated[str, typer.Option(help="Counts, with commas.")] = "1,2,3,4,5",
    driver: Annotated[str, typer.Option(help="processes, or kubernetes by kubectl.")] = "processes",
    seconds: Annotated[float, typer.Option(min=5, help="Load of each step.")] = 15.0,
    profile: Annotated[str, typer.Option(help="Of processes: postgres or cluster.")] = "postgres",
    rate: Annotated[
        float | None,
        typer.Option(min=1, help="Webhooks a second at every step; kubernetes demands it."),
    ] = None,
    target: Target = None,
    token: Token = "",
    admin_token: AdminToken = None,
    sink_host: SinkHost = "127.0.0.1",
    sink_port: SinkPort = 0,
    namespace: Annotated[str, typer.Option(help="Of kubernetes.")] = "webhook-service",
    deployment: Annotated[str, typer.Option(help="Of kubernetes.")] = "webhook-worker",
    metrics_url: MetricsUrl = None,
    runs: Runs = Path("runs"),
    results: Annotated[Path, typer.Option(help="Folder for scale-<n>x.json.")] = Path("results"),
    i_mean_it: MeansIt = False,
    as_json: Json = False,
) -> None:
    """Offer the same load to one to five replicas, and say what the further ones gain.

    With processes each worker delivers 5 webhooks at once to receivers that take
    100 ms, so that workers are the limit and not the CPU of this machine. With
    kubernetes the deployment behind --target is scaled. Exits with 2 when a step is
    INVALID, else with 1 when the workers of one shared unevenly (Jain's index below 0.95).
    """
    from sureshot_lab.runs.options import Options  # noqa: PLC0415 - slow to load
    from sureshot_lab.scale.offered import offered_rate_per_s, replica_counts  # noqa: PLC0415
    from sureshot_lab.scale.page import write_page  # noqa: PLC0415
    from sureshot_lab.scale.series import analyse, run_series, uneven  # noqa: PLC0415

    counts = replica_counts(replicas)
    options = Options(
        runs=runs, target=target, token=token, admin_token=admin_token, sink_host=sink_host,
        sink_port=sink_port, engine="native", means_it=i_mean_it,
    )  # fmt: skip
    if driver == "kubernetes" and rate is None:
        raise LabError(
            "--driver kubernetes needs --rate, more than the most pods can do: how much that is "
            "only their cluster knows"
        )
    per_s = rate or offered_rate_per_s(counts)
    pods = (deployment, namespace, metrics_url or [])
    chosen = _driver(driver, per_s, seconds, options, profile, pods)
    note(f"{per_s:.0f}/s for {seconds:.0f} s at {replicas} replicas")
    steps = asyncio.run(run_series(chosen, counts, results))
    series = analyse(steps, per_s, os.cpu_count() if driver == "processes" else None)
    _show(series, write_page(results, series), as_json=as_json)
    if any(one.result.verdict == "INVALID" for one in steps):
        raise typer.Exit(2)
    raise typer.Exit(1 if uneven(steps) else 0)


def _driver(
    name: str, rate_per_s: float, seconds: float, options: Options, profile: str,
    pods: tuple[str, str, list[str]],
) -> Driver:  # fmt: skip
    from sureshot_lab.scale.kubernetes import KubernetesScale  # noqa: PLC0415 - slow to load
    from sureshot_lab.scale.processes import ProcessScale  # noqa: PLC0415

    if name == "processes":
        if options.target is not None:
            raise LabError("--target is for --driver kubernetes: processes are a service of ours")
        return ProcessScale(rate_per_s, seconds, options, profile)
    if name == "kubernetes":
        return KubernetesScale(rate_per_s, seconds, options, *pods)
    raise LabError(f"--driver {name}: must be processes or kubernetes")


def _show(series: Series, page: Path, *, as_json: bool) -> None:
    from sureshot_lab.analysis.wording import interval, number, percent  # noqa: PLC0415 - slow

    if as_json:
        print_json({
            "steps": series.scaled, "usl": series.usl, "held_out": series.held,
            "remarks": series.remarks,
            "jain": {one.replicas: one.jain for one in series.steps},
        })  # fmt: skip
        return
    print_table(
        ("Replicas", "Delivered/s", "Speed-up", "Efficiency", "Jain", "Verdict"),
        [
            (
                f"{one.n:.0f}",
                number(one.per_s),
                number(one.speed_up),
                percent(one.efficiency),
                "-" if step.jain is None else f"{step.jain:.3f}",
                str(step.result.verdict),
            )
            for one, step in zip(series.scaled, series.steps, strict=True)
        ],
    )
    if series.usl is not None:
        print_line(f"\nscalability law: {series.usl.sentence}")
        print_line(f"  contention {interval(series.usl.contention)}")
        print_line(f"  coherency {interval(series.usl.coherency)}")
    if series.held is not None:
        print_line(
            f"  predicted for {series.held.n:.0f} from the others: "
            f"{number(series.held.predicted_per_s)}/s, {percent(series.held.error)} off"
        )
    for remark in series.remarks:
        print_line(f"\n{remark}")
    print_line(f"\nresults: {page.parent}/scale-<n>x.json, {page}")
