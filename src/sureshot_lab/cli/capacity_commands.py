"""``sureshot lab capacity``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureshot_lab.cli.options import Runs
from sureshot_lab.cli.printing import Json, examples, note, print_json, print_line, print_table
from sureshot_lab.errors import LabError

if TYPE_CHECKING:
    from sureshot_lab.capacity.basis import Basis
    from sureshot_lab.capacity.demand import Demand
    from sureshot_lab.capacity.kept_basis import KeptBasis
    from sureshot_lab.capacity.observation import Observation
    from sureshot_lab.capacity.plan import Plan
    from sureshot_lab.capacity.prediction import Prediction
    from sureshot_lab.result import RunResult
    from sureshot_lab.scaling.prediction import Outlook

ACCEPTED = "sum(rate(sureshot_webhooks_accepted_total[5m]))"
SEASONS_S = (86_400.0, 604_800.0)
HORIZON_S = 86_400.0
A_FEW = 3
"""More runs than these are counted where they are told, not named."""
ROUGH = (
    "Gated at 15 % are CPU, in flight (also at one request), commits and WAL. The rest is told: "
    "pools and files of the database grow in steps."
)
MEASURES = "Measure now: three rates twice, and a second payload; two to four minutes."

From = Annotated[
    list[Path] | None,
    typer.Option("--from", metavar="RUN", help="A run, or a file of --keep; repeatable."),
]
Measure = Annotated[bool, typer.Option("--measure", help=MEASURES)]
Keep = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Keep what the runs say, for --from.")
]
Check = Annotated[
    Path | None, typer.Option(metavar="RUN", help="Predict this run from the others instead.")
]
Traffic = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Webhooks a second so far: how many days will it do?"),
]
Prometheus = Annotated[
    str | None, typer.Option(metavar="URL", help="Ask this Prometheus for them instead.")
]


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        epilog=examples(
            "sureshot lab capacity --rate 50000/min --p95 500ms --payload 2KB",
            "sureshot lab capacity --rate 50000/min --measure --keep basis.json",
            "sureshot lab capacity --rate 50000/min --from basis.json --traffic requests.csv",
            "sureshot lab capacity --rate 50000/min --profile postgres --from runs/<id>",
            "sureshot lab capacity --from runs/<id> --from runs/<id> --check runs/<id>",
        )
    )(capacity)


def capacity(
    rate: Annotated[str, typer.Option(help="Webhooks, such as 50000/min or 800/s.")] = "10000/min",
    p95: Annotated[str, typer.Option(help="Accepted to delivered, 95 of 100.")] = "500ms",
    payload: Annotated[str, typer.Option(help="Mean size of a payload.")] = "2KB",
    receiver_latency: Annotated[str, typer.Option(help="How long receivers take.")] = "300ms",
    profile: Annotated[str, typer.Option(help="cluster, postgres or embedded.")] = "cluster",
    from_: From = None,
    measure: Measure = False,
    keep: Keep = None,
    check: Check = None,
    retention_days: Annotated[
        float, typer.Option(min=0.01, help="Days webhooks are kept; the service's own default.")
    ] = 30.0,
    max_in_flight: Annotated[int, typer.Option(min=1, help="Of each worker.")] = 10_000,
    database_pool: Annotated[int, typer.Option(min=2, help="Connections of a process.")] = 8,
    price_core_hour: Annotated[float | None, typer.Option(min=0, help="Of one core.")] = None,
    price_gb_month: Annotated[float | None, typer.Option(min=0, help="Of one GiB kept.")] = None,
    traffic: Traffic = None,
    prometheus: Prometheus = None,
    query: Annotated[str, typer.Option(help="With --prometheus: the rate.")] = ACCEPTED,
    span: Annotated[str, typer.Option(help="With --prometheus: so far back.")] = "14d",
    runs: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """Say what a rate needs: replicas, connections, disk, memory, cost, and headroom.

    Every factor is printed with the runs it was measured in; without --from and --measure
    those of a reference, on another machine. With --traffic or --prometheus it tells in how
    many days what is planned will be full. Exits with 1 when the p95 that follows is above
    --p95, or with --check when CPU, in flight, commits or WAL are more than 15 % off.
    """
    from sureshot_lab.capacity.basis import fit_basis  # noqa: PLC0415 - slow to load
    from sureshot_lab.capacity.demand import Demand  # noqa: PLC0415
    from sureshot_lab.capacity.plan import plan_capacity  # noqa: PLC0415
    from sureshot_lab.capacity.quantities import (  # noqa: PLC0415
        duration_s,
        rate_per_s,
        size_bytes,
    )

    demand = Demand(
        rate_per_s=rate_per_s(rate), p95_s=duration_s(p95), payload_bytes=size_bytes(payload),
        receiver_s=duration_s(receiver_latency), retention_days=retention_days,
        max_in_flight=max_in_flight, database_pool=database_pool,
        price_core_hour=price_core_hour, price_gb_month=price_gb_month,
    )  # fmt: skip
    seen, elsewhere = _seen(from_ or [], profile, demand if measure else None, runs, keep)
    if check is not None:
        found = _checked(seen, check)
        _show_check(found, check, as_json=as_json)
        raise typer.Exit(0 if all(one.kept for one in found) else 1)
    basis = fit_basis(seen, demand.rate_per_s)
    if basis.profile != profile:
        raise LabError(f"the runs are of the profile {basis.profile}: give --profile for it")
    plan = plan_capacity(demand, basis)
    outlook = _outlook(plan, traffic, prometheus, query, span)
    _show(plan, basis, elsewhere, outlook, as_json=as_json)
    raise typer.Exit(1 if plan.kept is False else 0)


def _seen(
    paths: Sequence[Path], profile: str, demand: Demand | None, runs: Path, keep: Path | None
) -> tuple[list[Observation], KeptBasis | None]:
    """Return what the runs of *paths* say, and of a calibration towards *demand* if given.

    With neither those of the reference, and that itself.
    """
    from sureshot_lab.capacity.kept_basis import (  # noqa: PLC0415 - slow to load
        keep_basis,
        read_basis,
        reference_basis,
    )
    from sureshot_lab.capacity.observation import observe  # noqa: PLC0415
    from sureshot_lab.result import read_result  # noqa: PLC0415

    seen: list[Observation] = []
    results: list[RunResult] = []
    for path in paths:
        kept = read_basis(path, profile)
        if kept is None:
            results.append(read_result(path))
        else:
            seen += kept.seen
    if demand is not None:
        results += _measured(profile, demand, runs)
    seen += [observe(result) for result in results]
    if keep is not None:
        if not results:
            raise LabError("--keep needs runs to keep: give them with --from, or --measure")
        keep_basis(keep, seen, results[0])
    if seen:
        return seen, None
    reference = reference_basis(profile)
    if reference is None:
        raise LabError(
            f"a plan needs a basis, and there is no reference for the profile {profile}: give "
            "runs with --from, or --measure"
        )
    return reference.seen, reference


def _measured(profile: str, demand: Demand, runs: Path) -> list[RunResult]:
    from sureshot_lab.analysis.wording import size  # noqa: PLC0415 - slow to load
    from sureshot_lab.capacity.calibrate import calibrate, steps_towards  # noqa: PLC0415
    from sureshot_lab.runs.options import Options  # noqa: PLC0415

    steps = steps_towards(demand.rate_per_s, demand.payload_bytes)
    told = ", ".join(f"{rate:.0f}/s of {size(payload)}" for rate, payload in steps)
    note(f"measuring the profile {profile} at {told}")
    options = Options(runs=runs, engine="native")
    done = asyncio.run(calibrate(profile, demand.receiver_s, steps, options))
    return [result for result, _folder in done]


def _outlook(
    plan: Plan, traffic: str | None, prometheus: str | None, query: str, span: str
) -> Outlook | None:
    """Return how long what is planned will do, if past traffic is given."""
    from sureshot_lab.cli.scaling_commands import series_from  # noqa: PLC0415 - slow to load
    from sureshot_lab.scaling.prediction import look_ahead  # noqa: PLC0415

    if traffic is not None and prometheus is not None:
        raise LabError("--traffic and --prometheus: give one of them")
    source = query if prometheus is not None else traffic
    if source is None:
        return None
    series = series_from(source, prometheus, span)
    return look_ahead(series, SEASONS_S, HORIZON_S, plan.capacity_per_s)


def _checked(seen: Sequence[Observation], path: Path) -> list[Prediction]:
    from sureshot_lab.capacity.observation import observe  # noqa: PLC0415 - slow to load
    from sureshot_lab.capacity.prediction import check_prediction  # noqa: PLC0415
    from sureshot_lab.result import read_result  # noqa: PLC0415

    return check_prediction(seen, observe(read_result(path)))


def _show_check(found: Sequence[Prediction], path: Path, *, as_json: bool) -> None:
    from sureshot_lab.analysis.wording import change, number  # noqa: PLC0415 - slow to load

    if as_json:
        print_json([{"what": one.what, "unit": one.unit, "predicted": one.predicted,
                     "measured": one.measured, "error": one.error, "gated": one.gated,
                     "kept": one.kept} for one in found])  # fmt: skip
        return
    print_line(f"{path.name}, predicted from the other runs:")
    print_table(
        ("What", "Unit", "Predicted", "Measured", "Error", ""),
        [
            (
                one.what, one.unit, number(one.predicted), number(one.measured),
                change(one.error), "" if one.kept else "too far off",
            )
            for one in found
        ],
    )  # fmt: skip
    print_line(f"\n{ROUGH}")


def _show(
    plan: Plan, basis: Basis, elsewhere: KeptBasis | None, outlook: Outlook | None, *,
    as_json: bool,
) -> None:  # fmt: skip
    from sureshot_lab.analysis.wording import number  # noqa: PLC0415 - slow to load
    from sureshot_lab.capacity.plan import BESIDE  # noqa: PLC0415

    if as_json:
        print_json({"needs": plan.needs, "p95_kept": plan.kept, "warnings": plan.warnings,
                    "factors": list(basis.factors.values()),
                    "capacity_per_s": plan.capacity_per_s, "not_in_it": BESIDE,
                    "reference": None if elsewhere is None else elsewhere.source,
                    "headroom": outlook and outlook.headroom})  # fmt: skip
        return
    if elsewhere is not None:
        print_line(f"measured on {elsewhere.source}, not on yours: --measure does it here\n")
    print_table(
        ("Need", "", "Unit", "How"),
        [(one.what, number(one.value), one.unit, one.how) for one in plan.needs],
    )
    every = basis.factors["own_us"].source
    print_line(f"\nBasis, {every}")
    print_table(
        ("Factor", "", "Unit", "Where from"),
        [
            (one.name, number(one.value), one.unit, _whence(one.source, every))
            for one in basis.factors.values()
        ],
    )
    print_line(f"\nNot in it: {', '.join(BESIDE)}.")
    for warning in plan.warnings:
        print_line(f"\nwarning: {warning}")
    for sentence in [] if outlook is None else ["", *outlook.headroom_says]:
        print_line(sentence)
    if plan.kept is not None:
        print_line(f"\np95 is {'kept' if plan.kept else 'NOT kept'}")


def _whence(source: str, every: str) -> str:
    """Return the source of a factor in short: most are of all runs, or of many of them."""
    if source == every:
        return "measured: these runs"
    count = source.count(",") + 1
    return f"measured: {count} of these runs" if count > A_FEW else source
