"""``sureshot config``, ``tokens``, ``secrets``, ``version``: what this deployment is set to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sureshot import __version__
from sureshot.cli.output import print_json, print_line, print_pairs, print_table
from sureshot.config_sources import LoadedSettings, load_settings, origin_rows

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

tokens = typer.Typer(help="The bearer tokens of this deployment.", no_args_is_help=True)
secrets = typer.Typer(help="Signing secrets.", no_args_is_help=True)


def loaded_settings(flags: dict[str, object]) -> LoadedSettings:
    """Return the settings of this folder and environment; raises ``ConfigurationError``."""
    path = Path(os.environ.get("SURESHOT_CONFIG", "sureshot.toml"))
    return load_settings(os.environ, path, flags)


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command()(config)
    app.command()(version)
    app.add_typer(tokens, name="tokens")
    app.add_typer(secrets, name="secrets")


def config(as_json: Json = False) -> None:
    """Show every setting with its value, where it came from, and its meaning.

    Secrets are masked. Change one with its environment variable, or in sureshot.toml:

      SURESHOT_PORT=9000 sureshot serve
    """
    rows = origin_rows(loaded_settings({}))
    if as_json:
        names = ("setting", "value", "origin", "unit", "meaning")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table(("setting", "value", "origin", "unit", "meaning"), rows)


def version(as_json: Json = False) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": __version__})
    else:
        print_line(f"sureshot {__version__}")


@tokens.command("path")
def tokens_path() -> None:
    """Print where generated tokens are kept."""
    from sureshot.cli.client import tokens_file  # noqa: PLC0415 - avoids a cycle at import

    print_line(str(tokens_file()))


@tokens.command("show")
def tokens_show(
    reveal: Annotated[bool, typer.Option("--reveal", help="Print them unmasked.")] = False,
    as_json: Json = False,
) -> None:
    """Show the tokens the service was started with from here."""
    from sureshot.cli.client import find_token  # noqa: PLC0415

    found = {name: find_token(name) for name in ("SURESHOT_API_TOKEN", "SURESHOT_ADMIN_TOKEN")}
    shown = {name: text if reveal else text[:8] + "…" for name, text in found.items()}
    if as_json:
        print_json(shown)
    else:
        print_pairs(shown.items())


@secrets.command("show")
def secrets_show(as_json: Json = False) -> None:
    """Show the secret that signs webhooks to urls without an endpoint."""
    from sureshot.cli.client import Client  # noqa: PLC0415

    tenant = Client().call("GET", "/api/v1/tenant")
    if as_json:
        print_json(tenant)
    else:
        print_line(tenant["secretKey"])
