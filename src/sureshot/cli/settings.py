"""``sureshot config``, ``tokens``, ``secrets``, ``version``: what this deployment is set to."""

from __future__ import annotations

import asyncio
import platform
from typing import Annotated

import typer

from sureshot import __version__
from sureshot.cli.deployment import find_tokens, loaded_settings
from sureshot.cli.deployment import tokens_file as find_tokens_file
from sureshot.cli.output import (
    Json,
    complain,
    examples,
    print_json,
    print_line,
    print_pairs,
    print_table,
)
from sureshot.config import KNOBS, MASK
from sureshot.config_sources import origin_rows

LONG_TOKEN = 32
SHOWN_OF_A_TOKEN = 8

tokens = typer.Typer(
    help="The bearer tokens of this deployment.", no_args_is_help=True, rich_markup_mode=None
)
secrets = typer.Typer(help="Signing secrets.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command(
        epilog=examples(
            "sureshot config",
            "SURESHOT_PORT=9000 sureshot config --json",
            "echo 'port = 9000' >> sureshot.toml",
        )
    )(config)
    app.command()(version)
    app.add_typer(tokens, name="tokens")
    app.add_typer(secrets, name="secrets")


def config(as_json: Json = False) -> None:
    """Show every setting: value, origin, unit, meaning.

    Secrets are masked. A flag wins over the environment variable, that over
    sureshot.toml (the same names in lower case, without SURESHOT_), that over
    the default. SURESHOT_CONFIG names another file.
    """
    rows = origin_rows(loaded_settings())
    names = ("setting", "value", "origin", "unit", "meaning")
    if as_json:
        print_json(
            [
                {"name": name, **dict(zip(names, row, strict=True))}
                for name, row in zip(KNOBS, rows, strict=True)
            ]
        )
    else:
        print_table(names, rows)


def version(as_json: Json = False) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": __version__, "python": platform.python_version()})
    else:
        print_line(f"sureshot {__version__} (Python {platform.python_version()})")


@tokens.command("path")
def tokens_path(as_json: Json = False) -> None:
    """Print where generated tokens are kept."""
    path = str(find_tokens_file())
    if as_json:
        print_json({"path": path})
    else:
        print_line(path)


@tokens.command(
    "show",
    epilog=examples(
        "sureshot tokens show --reveal",
        'set -a; . "$(sureshot tokens path)"; set +a    # into this shell',
    ),
)
def tokens_show(
    reveal: Annotated[bool, typer.Option("--reveal", help="Print them unmasked.")] = False,
    as_json: Json = False,
) -> None:
    """Show the tokens a service started from here takes."""
    found = find_tokens()
    if not found:
        complain(f"there are none yet: no {find_tokens_file()}; `sureshot serve` makes them")
        raise typer.Exit(1)
    shown = [(t.name, t.text if reveal else _masked(t.text), t) for t in found]
    if as_json:
        print_json([{"name": n, "token": text, "origin": t.origin} for n, text, t in shown])
    elif reveal:
        print_pairs((f"{name}={text}", f"# {token.origin}") for name, text, token in shown)
    else:
        print_table(("token", "value", "origin"), [(n, text, t.origin) for n, text, t in shown])


@secrets.command("show", epilog=examples('sureshot sink --secret "$(sureshot secrets show)"'))
def secrets_show(as_json: Json = False) -> None:
    """Show the secret that signs webhooks to urls without an endpoint.

    An endpoint's own secret is shown only when it is created or rotated.
    """
    from sureshot.cli.client import call, path_to  # noqa: PLC0415 - config needs no HTTP

    tenant = call("GET", path_to("tenant"))
    if as_json:
        print_json(tenant)
    else:
        print_line(tenant["secretKey"])


def _masked(token: str) -> str:
    # A few characters tell two tokens apart; of a short one they would tell too much.
    return f"{token[:SHOWN_OF_A_TOKEN]}..." if len(token) >= LONG_TOKEN else MASK


@secrets.command(
    epilog=examples(
        "SURESHOT_PREVIOUS_SECRET_KEY=$OLD SURESHOT_SECRET_KEY=$NEW sureshot secrets reencrypt"
    )
)
def reencrypt(as_json: Json = False) -> None:
    """Encrypt every stored secret with the present SURESHOT_SECRET_KEY.

    To replace the key: give every process the new one as
    SURESHOT_PREVIOUS_SECRET_KEY beside the old one and restart them (both are
    read then); swap the two and restart them; run this; take the old one away.
    With SQLite the service must be stopped meanwhile.
    """
    settings = loaded_settings().settings
    from sureshot.adapters import reencrypt as encrypt_anew  # noqa: PLC0415 - loads the stores

    count = asyncio.run(encrypt_anew(settings))
    if as_json:
        print_json({"documents": count})
    else:
        print_line(f"{count} documents are encrypted with the present key")
