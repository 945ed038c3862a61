"""Options that several of the laboratory's commands have, with one wording each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ScenarioName = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A scenario's name, or a file that ends in .toml.")
]
Smoke = Annotated[bool, typer.Option("--smoke", help="The small size, 30 s or less.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change the scenario; repeatable."),
]
Target = Annotated[str | None, typer.Option(metavar="URL", help="A service that runs already.")]
Token = Annotated[str, typer.Option(envvar="SURESHOT_API_TOKEN", help="The target's token.")]
AdminToken = Annotated[
    str | None, typer.Option(envvar="SURESHOT_ADMIN_TOKEN", help="Its admin token.")
]
Engine = Annotated[
    str, typer.Option(help="auto, native or k6; auto takes k6 up to 500/s if it is there.")
]
Environment = Annotated[
    str, typer.Option(help="local, staging (a quarter of the rates), loadtest, production-like")
]
DatabaseUrl = Annotated[
    str, typer.Option(metavar="URL", help="The target's PostgreSQL, to be sampled.")
]
QueueUrl = Annotated[str, typer.Option(metavar="URL", help="The target's RabbitMQ, to be sampled.")]
QueueName = Annotated[str, typer.Option(help="The target's queue there.")]
ManagementUrl = Annotated[
    str, typer.Option(metavar="URL", help="RabbitMQ's management API, if not at port 15672.")
]
KubeContext = Annotated[str, typer.Option(help="Sample pods too: kubectl's context.")]
KubeNamespace = Annotated[str, typer.Option(help="Of those pods; default if left out.")]
Rabbitmqctl = Annotated[
    bool,
    typer.Option(
        "--rabbitmqctl",
        help="Without a management API ask it every 30 s: 4 % of a core.",
    ),
]
SinkHost = Annotated[str, typer.Option(help="Where the target reaches this machine's receivers.")]
SinkPort = Annotated[
    int, typer.Option(min=0, max=65_535, help="Their port, for firewalls; 0: a free one.")
]
Runs = Annotated[Path, typer.Option("--runs", help="Folder the runs are kept in.")]
MeansIt = Annotated[
    bool, typer.Option("--i-mean-it", help="Also against a target marked as production.")
]
