"""``sureshot lab autoscale`` and ``sureshot lab forecast``."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sureshot_lab.cli.printing import Json, examples, note, print_json, print_line, print_table
from sureshot_lab.errors import LabError

if TYPE_CHECKING:
    from sureshot_lab.scaling.live import LiveResult
    from sureshot_lab.scaling.prediction import Outlook
    from sureshot_lab.scaling.series import Series

UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
COVERAGE = "95 %"


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command(
        epilog=examples(
            "sureshot lab autoscale                       # every trace, every policy",
            "sureshot lab autoscale --trace spike --seeds 10",
            "sureshot lab autoscale --page out/           # with charts",
            "sureshot lab autoscale --live                # a minute or two, on real processes",
        )
    )(autoscale)
    app.command(
        epilog=examples(
            "sureshot lab forecast requests.csv --capacity 2000",
            "sureshot lab forecast --span 14d --prometheus http://127.0.0.1:9090 \\",
            "    'sum(rate(sureshot_webhooks_accepted_total[5m]))'",
            "sureshot lab forecast --backtest             # on synthetic load",
        )
    )(forecast)


def autoscale(
    trace: Annotated[
        list[str] | None, typer.Option(help="A trace by name; may be repeated. All if left out.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="So many draws of each trace.")] = 5,
    capacity: Annotated[float, typer.Option(min=1, help="Webhooks a second of a replica.")] = 200,
    start_up_s: Annotated[
        float, typer.Option("--start-up-s", min=0, help="Until a new replica serves.")
    ] = 15,
    most: Annotated[int, typer.Option(min=1, help="Replicas at most.")] = 20,
    queue_length: Annotated[
        float, typer.Option(min=1, help="KEDA's target: leases that wait, for each replica.")
    ] = 250,
    page: Annotated[Path | None, typer.Option(help="Write a page with charts here.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Drive a real `sureshot up --autoscale` instead.")
    ] = False,
    profile: Annotated[
        str, typer.Option(help="With --live: cluster, or postgres for alike replicas.")
    ] = "cluster",
    as_json: Json = False,
) -> None:
    """Play load against autoscaling policies, side by side.

    An HPA on CPU at 70 %, KEDA on the queue's depth, and the service's own advice,
    acted on every second (as `sureshot up --autoscale` does) or by KEDA every 15, as
    manifests/components/keda has it.
    A simulation: its model is on the page, and in docs/how-to/scale-automatically.md.
    Late is what waits longer than a second.

    With --live a step of load on this machine, which needs PostgreSQL (and RabbitMQ
    for the profile cluster): how long growing and shrinking take, and whether
    anything was refused or lost. Exits with 1 when it was, or when it did not scale.
    """
    if live:
        _run_live(profile, as_json=as_json)
        return
    from sureshot_lab.scaling.deployment import Site  # noqa: PLC0415 - slow to load

    site = Site(capacity_per_s=capacity, starts_s=start_up_s, most=most)
    _compare(trace, range(1, seeds + 1), site, queue_length, page, as_json=as_json)


def _compare(
    names: list[str] | None, seeds: range, site: Any, queue_length: float, page: Path | None,
    *, as_json: bool,
) -> None:  # fmt: skip
    from sureshot_lab.scaling import page as pages  # noqa: PLC0415 - slow to load
    from sureshot_lab.scaling.side_by_side import against, mean, play_all, verdict  # noqa: PLC0415
    from sureshot_lab.scaling.traces import SHAPES  # noqa: PLC0415

    means, shown = [], []
    for name in names or list(SHAPES):
        played = list(play_all(name, seeds, site, queue_length))
        means += [mean(outcomes) for outcomes in played]
        shown.append([outcomes[0] for outcomes in played])
    found = against(means)
    if page is not None:
        note(f"written: {pages.write_page(page, means, found, shown)}")
    if as_json:
        print_json({"site": site, "policies": means, "against": found, "says": verdict(found)})
        return
    print_table(
        ("Trace", "Draws", *pages.COLUMNS),
        [(one.trace, str(one.draws), *pages.cells(one)) for one in means],
    )
    print_line()
    for sentence in verdict(found):
        print_line(sentence)


def _run_live(profile: str, *, as_json: bool) -> None:
    from sureshot_lab.scaling.live import LivePlan, run_live  # noqa: PLC0415 - slow to load

    with tempfile.TemporaryDirectory(prefix="sureshot-autoscale-") as folder:
        result = asyncio.run(run_live(LivePlan(profile=profile), Path(folder), note))
    if as_json:
        print_json(result)
    else:
        _print_live(result)
    scaled = result.grown_s is not None and result.shrunk_s is not None
    intact = not (result.lost or result.refused or result.incomplete)
    raise typer.Exit(0 if scaled and intact else 1)


def _print_live(result: LiveResult) -> None:
    def told(seconds: float | None) -> str:
        return "never" if seconds is None else f"{seconds:.1f} s"

    print_table(
        ("What", "Value"),
        [
            ("first process added, after the step up", told(result.started_s)),
            (f"all {result.most} ready, after the step up", told(result.grown_s)),
            ("small again, after the step down", told(result.shrunk_s)),
            ("a replica does, as learned", f"{result.capacity_per_s:.0f}/s"),
            ("accepted, delivered", f"{result.accepted}, {result.delivered}"),
            ("refused, not sent in time", f"{result.refused}, {result.dropped}"),
            ("lost, duplicates", f"{result.lost}, {result.duplicates}"),
        ],
    )
    for decision in result.decisions:
        print_line(f"  {decision}")
    if result.incomplete:
        print_line(f"incomplete: {result.incomplete}")


def forecast(
    source: Annotated[
        str | None,
        typer.Argument(help="A file of times and values; with --prometheus, a query."),
    ] = None,
    prometheus: Annotated[
        str | None, typer.Option(help="Ask this Prometheus instead of reading a file.")
    ] = None,
    span: Annotated[str, typer.Option(help="With --prometheus: so far back.")] = "14d",
    season: Annotated[
        list[str] | None,
        typer.Option(help="A season to try, such as 1d; may be repeated. A day and a week."),
    ] = None,
    horizon: Annotated[str, typer.Option(help="So far ahead.")] = "1d",
    capacity: Annotated[
        float | None, typer.Option(help="How long until the daily peak reaches this?")
    ] = None,
    backtest: Annotated[
        bool, typer.Option("--backtest", help="How good would forecasts have been?")
    ] = False,
    as_json: Json = False,
) -> None:
    """Forecast a series from itself, and say how many days capacity lasts.

    Additive Holt-Winters with a damped trend; its smoothing, and a season of a day, a
    week or none, are those that would have forecast the series itself best.

    Without a file --backtest tries it on synthetic load (night and day; working
    week; bursts), against repeating the last value, and the last season.
    """
    from sureshot_lab.scaling.prediction import look_ahead, synthetic  # noqa: PLC0415 - slow

    if source is None:
        if not backtest:
            raise LabError("give a file, or --prometheus URL and a query, or --backtest")
        trials = synthetic()
        if as_json:
            print_json(trials)
        for name, accuracies in trials.items() if not as_json else ():
            _print_accuracies(name, accuracies)
        return
    series = series_from(source, prometheus, span)
    seasons_s = [_duration_s(text) for text in season or ("1d", "1w")]
    outlook = look_ahead(series, seasons_s, _duration_s(horizon), capacity, with_backtest=backtest)
    if as_json:
        print_json(outlook)
    else:
        _print_outlook(outlook)


def series_from(source: str, prometheus: str | None, span: str) -> Series:
    """Return the series of a file, or of a query asked of *prometheus* back to *span*."""
    from sureshot_lab.scaling.prometheus import query_range  # noqa: PLC0415 - slow to load
    from sureshot_lab.scaling.series import read_series  # noqa: PLC0415

    if prometheus is None:
        return read_series(Path(source))
    return query_range(prometheus, source, _duration_s(span))


def _print_outlook(outlook: Outlook) -> None:
    print_line(outlook.says)
    print_table(
        ("When", "Expected", f"Low, {COVERAGE}", f"High, {COVERAGE}"),
        [
            (row.when, *(f"{v:,.1f}" for v in (row.value, row.low, row.high)))
            for row in outlook.rows
        ],
    )
    for sentence in outlook.headroom_says:
        print_line(sentence)
    if outlook.accuracies:
        _print_accuracies("back-test", outlook.accuracies)


def _print_accuracies(name: str, accuracies: Any) -> None:
    print_line(f"\n{name}")
    print_table(
        ("Forecast", "MASE", "MAPE", f"Inside {COVERAGE}"),
        [
            (
                one.method,
                f"{one.mase:.2f}",
                "-" if one.mape is None else f"{one.mape:.1%}",
                "-" if one.covered is None else f"{one.covered:.1%}",
            )
            for one in accuracies
        ],
    )


def _duration_s(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if found is None or not float(found[1]):
        raise LabError(f"{text} is no duration; 30m, 1d or 2w would be")
    return float(found[1]) * UNITS_S[found[2]]
