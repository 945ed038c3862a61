"""``sureshot lab traffic``: payloads and bursts; traffic recorded, anonymous, sent again."""

from __future__ import annotations

import asyncio
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureshot_lab.cli.options import (
    AdminToken,
    Engine,
    MeansIt,
    Runs,
    SinkHost,
    SinkPort,
    Target,
    Token,
)
from sureshot_lab.cli.printing import Json, examples, note, print_json, print_line
from sureshot_lab.cli.record_command import record
from sureshot_lab.cli.stages_command import stages
from sureshot_lab.errors import LabError

if TYPE_CHECKING:
    from sureshot_lab.scenario import Scenario
    from sureshot_lab.traffic.replay import Replay

NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
LONGEST_NAME = 32
GATES = [
    "delivery-latency", "api-latency", "success-rate", "lost", "duplicates", "bad-signatures",
]  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    traffic = typer.Typer(help="Make payloads; record traffic, make it anonymous, send it again.")
    traffic.command(
        epilog=examples(
            "sureshot lab traffic payloads --count 3",
            "sureshot lab traffic payloads --mix user.created=0.9,document.exported=0.1 --seed 7",
            "sureshot lab traffic payloads --count 10000 --output payloads.ndjson",
        )
    )(payloads)
    traffic.command(
        epilog=examples(
            "sureshot lab traffic stages random --seed 7",
            'sureshot lab run load --set load.stages="$(sureshot lab traffic stages random)"',
        )
    )(stages)
    traffic.command(
        epilog=examples(
            "sureshot lab traffic record today.ndjson.gz --target https://hooks.example --since 6h",
            "sureshot lab traffic record noon.ndjson.gz --target https://hooks.example \\",
            "    --since 2030-01-31T12:00:00Z --until 2030-01-31T12:30:00Z --limit 100000",
        )
    )(record)
    traffic.command(
        epilog=examples(
            "SURESHOT_LAB_SALT=... sureshot lab traffic anonymise today.ndjson.gz shared.ndjson.gz"
        )
    )(anonymise)
    traffic.command(
        epilog=examples(
            "sureshot lab traffic replay shared.ndjson.gz",
            "sureshot lab traffic replay shared.ndjson.gz --speed 10",
            "sureshot lab traffic replay shared.ndjson --target http://127.0.0.1:8080 --token T",
        )
    )(replay)
    app.add_typer(traffic, name="traffic", no_args_is_help=True)


def payloads(
    mix: Annotated[
        str | None, typer.Option(metavar="KIND=SHARE,...", help="Kinds and their shares.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    count: Annotated[int, typer.Option(help="How many.")] = 10,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them there instead.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make payloads, one JSON object a line.

    They are those that scenarios send; with --json they come as one list. Kinds:
    user.created, order.completed, payment.failed (to 1 KiB), invoice.issued (2 to 8 KiB),
    catalog.updated (30 to 33 KiB), document.exported (16 to 256 KiB).
    """
    from sureshot_lab.scenario import Payload  # noqa: PLC0415 - slow to load
    from sureshot_lab.traffic.payloads import make_payloads  # noqa: PLC0415

    shares = Payload().mix if mix is None else mix_of(mix)
    made = make_payloads(shares, seed, count)
    text = "[" + ",\n ".join(made) + "]" if as_json else "\n".join(made)
    if output is None:
        print_line(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise LabError(f"{output} cannot be written: {error.strerror}") from None
    note(f"{len(made):,} payloads in {output}")


def anonymise(
    recording: Annotated[Path, typer.Argument(metavar="IN", help="A recording, .ndjson[.gz].")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Where to; .gz packs it.")],
    salt: Annotated[
        str, typer.Option(envvar="SURESHOT_LAB_SALT", help="A secret; same salt, same values.")
    ],
    as_json: Json = False,
) -> None:
    """Replace every value of a recording.

    Its shape stays: keys, sizes, times, and what repeats. Whoever has the salt can find
    out which value became which: keep it secret, or throw it away.
    """
    from sureshot_lab.traffic.anonymise import anonymised  # noqa: PLC0415 - slow to load
    from sureshot_lab.traffic.recording import read_records, write_records  # noqa: PLC0415

    if output.resolve() == recording.resolve():
        raise LabError(f"{output} is the recording itself: give another file")
    try:
        count = write_records(output, anonymised(read_records(recording), salt))
    except OSError as error:
        raise LabError(f"{output} cannot be written: {error.strerror}") from None
    if as_json:
        print_json({"webhooks": count, "file": str(output)})
    else:
        print_line(f"{count:,} webhooks in {output}")


def replay(
    recording: Annotated[Path, typer.Argument(metavar="FILE", help="A recording, .ndjson[.gz].")],
    speed: Annotated[float, typer.Option(help="2 is half the time at double the rate.")] = 1.0,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds of load before it.")] = 3.0,
    target: Target = None,
    token: Token = "",
    admin_token: AdminToken = None,
    engine: Engine = "auto",
    environment: Annotated[
        str, typer.Option(help="Told in the result; rates are the recording's.")
    ] = "local",
    seed: Annotated[int, typer.Option(help="Same seed, same order of payloads.")] = 1,
    sink_host: SinkHost = "127.0.0.1",
    sink_port: SinkPort = 0,
    runs: Runs = Path("runs"),
    i_mean_it: MeansIt = False,
    as_json: Json = False,
) -> None:
    """Send a recording again, as a run.

    With its rates second by second, its payloads, and its endpoints' shares. Endpoints
    are made anew at receivers of our own: nothing goes to those recorded. It leaves a run
    like any other, with the exit codes of `sureshot lab run`.
    """
    from sureshot_lab.cli.run_commands import EXIT_CODES, show  # noqa: PLC0415 - slow to load
    from sureshot_lab.runs.options import Options  # noqa: PLC0415
    from sureshot_lab.traffic.recording import read_records  # noqa: PLC0415
    from sureshot_lab.traffic.replay import replay_of  # noqa: PLC0415

    told = replay_of(read_records(recording), factor=speed, seed=seed)
    scenario = scenario_of(told, recording, speed, warm_up, seed)
    options = Options(
        runs=runs, target=target, token=token, admin_token=admin_token, engine=engine,
        environment=environment, seed=seed, sink_host=sink_host, sink_port=sink_port,
        means_it=i_mean_it,
    )  # fmt: skip
    from sureshot_lab.cli.live import watched  # noqa: PLC0415 - slow to load
    from sureshot_lab.runs.run import run_scenario  # noqa: PLC0415
    from sureshot_lab.runs.site import Sent  # noqa: PLC0415

    described = {"recorded": told.webhooks, "event_types": told.event_types}
    sent = Sent(told.payloads, told.weights, described)
    replay_it = functools.partial(run_scenario, scenario, options, sent=sent)
    result, folder = asyncio.run(watched(replay_it, quiet=as_json))
    if as_json:
        print_json(
            {"id": result.id, "verdict": result.verdict, "reasons": result.reasons,
             "gates": result.gates, "metrics": result.metrics, "folder": str(folder)}
        )  # fmt: skip
    else:
        show(result, folder)
    raise typer.Exit(EXIT_CODES[result.verdict])


def mix_of(text: str) -> dict[str, float]:
    """Return ``user.created=0.5,order.completed=0.5`` as kinds and shares."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        kind, _equals, share = part.strip().partition("=")
        try:
            shares[kind] = float(share)
        except ValueError:
            raise LabError(
                f"--mix {text}: {part.strip()!r} must be like user.created=0.5"
            ) from None
    return shares


def scenario_of(
    told: Replay, recording: Path, speed: float, warm_up_s: float, seed: int
) -> Scenario:
    """Return the scenario that a replay is: one load, held against what every load promises."""
    from sureshot_lab.scenario import (  # noqa: PLC0415 - slow to load
        Endpoints,
        Gates,
        Load,
        Payload,
        Scenario,
    )

    stem = NOT_IN_NAMES.sub("-", recording.name.partition(".")[0]).strip("-")[:LONGEST_NAME]
    at = "" if speed == 1 else f" at {speed:g} times its speed"
    return Scenario(
        name=f"replay-{stem}" if stem else "replay",
        title=f"Replay of {recording.name}{at}",
        about=f"{told.webhooks:,} webhooks as they were recorded{at}.",
        load=Load(stages=told.stages, warm_up_s=warm_up_s),
        payload=Payload(seed=seed),
        endpoints=Endpoints(count=len(told.endpoints), zipf=0.0),
        gates=Gates(targets=GATES),
    )
