"""``sureshot migrate``: bring the PostgreSQL schema up to date."""

from __future__ import annotations

import asyncio

import typer

from sureshot.cli.deployment import loaded_settings
from sureshot.cli.output import Json, examples, print_json, print_line


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        epilog=examples(
            "sureshot migrate",
            "SURESHOT_DATABASE_URL=postgresql://user@host/db sureshot migrate",
        )
    )(migrate)


def migrate(as_json: Json = False) -> None:
    """Bring the PostgreSQL schema up to date.

    It is safe while the version before runs. Every process does this at its start
    unless SURESHOT_MIGRATE=false; several at once wait for each other. A SQLite
    file needs no migration.
    """
    settings = loaded_settings().settings
    applied: list[str] = []
    if not settings.embedded:
        from sureshot.adapters import migrate_database  # noqa: PLC0415 - loads the stores

        applied = asyncio.run(migrate_database(settings))
    if as_json:
        print_json({"applied": applied})
    elif settings.embedded:
        print_line("SQLite: nothing to migrate, the file is prepared when it is opened")
    elif not applied:
        print_line("nothing to do: the schema is current")
    else:
        for name in applied:
            print_line(f"applied {name}")
