"""``sureshot backup`` and ``restore``: a copy of a SQLite file in use, and the way back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sureshot.cli.deployment import loaded_settings
from sureshot.cli.output import Json, complain, examples, note, print_json, print_pairs
from sureshot.clock import SystemClock
from sureshot.config import Settings
from sureshot.domain.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from sureshot.store.sqlite_backup import Copied

PROGRESS_EVERY_S = 2.0
MEGABYTE = 1_000_000
T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command(
        epilog=examples(
            "sureshot backup /var/backups/sureshot.db",
            "sureshot backup /var/backups/sureshot-$(date +%F).db --json",
        )
    )(backup)
    app.command(
        epilog=examples(
            "sureshot restore /var/backups/sureshot.db",
            "sureshot restore /var/backups/sureshot.db --paused --yes   # look before it sends",
        )
    )(restore)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes: a new file.")],
    as_json: Json = False,
) -> None:
    """Copy the SQLite database while the service runs.

    The copy holds what was stored at one instant and is checked as a whole. The
    key that its secrets are encrypted with is not in it: keep both, apart.
    With PostgreSQL use pg_dump.
    """
    settings = _embedded_settings("back it up with `pg_dump --format=custom`")
    from sureshot.adapters import back_up_database  # noqa: PLC0415 - loads the stores

    at = SystemClock().now()
    copied = _copying(lambda: back_up_database(settings, file, _progress()))
    key = _where_the_key_is(settings)
    if as_json:
        print_json({"file": str(file), "at": at, **_figures(copied), "secretKey": key})
        return
    print_pairs((("file", file), *_lines(copied), ("secret key", key or "not found here")))
    if key is None:
        note(
            f"no SURESHOT_SECRET_KEY and no {_key_file(settings)} here, so it was not tried: "
            "without the service's key this copy cannot be used"
        )
    else:
        note(f"{key} opens it; keep that too, and not beside the copy")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy `sureshot backup` made.")],
    paused: Annotated[
        bool, typer.Option("--paused", help="Send nothing until POST /api/v1/admin/resume.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Put a copy in the place of the SQLite database.

    The service must be stopped, and the secret key of that time in its place.
    The database that is there is renamed, never deleted. What was delivered
    since the copy is sent again, with the same webhook-id. With PostgreSQL
    use pg_restore.
    """
    settings = _embedded_settings("restore it with `pg_restore`")
    _confirm(settings, yes=yes)
    from sureshot.adapters import restore_database  # noqa: PLC0415 - loads the stores

    stamp = f"{SystemClock().now():%Y%m%dT%H%M%SZ}"
    copied, aside = _copying(
        lambda: restore_database(settings, file, stamp, _progress(), paused=paused)
    )
    if as_json:
        replaced = None if aside is None else str(aside)
        print_json({"file": str(file), **_figures(copied), "paused": paused, "replaced": replaced})
        return
    print_pairs(
        (
            ("restored", file),
            *_lines(copied),
            ("paused", "until POST /api/v1/admin/resume" if paused else None),
            ("before it", aside),
        )
    )


def _embedded_settings(instead: str) -> Settings:
    settings = loaded_settings().settings
    if not settings.embedded:
        raise ConfigurationError(f"SURESHOT_DATABASE_URL names a PostgreSQL database: {instead}")
    return settings


def _confirm(settings: Settings, *, yes: bool) -> None:
    database = Path(settings.database_url.removeprefix("sqlite:///"))
    if yes or not database.exists():
        return
    if not sys.stdin.isatty():
        raise ConfigurationError(f"this takes {database} out of use; confirm with --yes")
    typer.confirm(f"Put the copy in the place of {database}?", abort=True, err=True)


def _copying(work: Callable[[], T]) -> T:
    try:
        return work()
    except StoreUnavailable as error:
        complain(error.detail)
        raise typer.Exit(1) from error


def _progress() -> Callable[[int, int], None]:
    """Return what says now and then how far the copy is."""
    clock = SystemClock()
    said_s = clock.monotonic()

    def say(done_bytes: int, size_bytes: int) -> None:
        nonlocal said_s
        if clock.monotonic() - said_s >= PROGRESS_EVERY_S:
            said_s = clock.monotonic()
            note(f"{done_bytes / MEGABYTE:,.0f} of {size_bytes / MEGABYTE:,.0f} MB")

    return say


def _key_file(settings: Settings) -> Path:
    from sureshot.first_start import SECRET_KEY_FILE  # noqa: PLC0415 - loads half of the API

    return settings.data_dir / SECRET_KEY_FILE


def _where_the_key_is(settings: Settings) -> str | None:
    if settings.secret_key is not None:
        return "SURESHOT_SECRET_KEY"
    path = _key_file(settings)
    return str(path) if path.exists() else None


def _figures(copied: Copied) -> dict[str, int]:
    return {
        "sizeBytes": copied.size_bytes,
        "webhooks": copied.webhooks,
        "waiting": copied.waiting,
        "endpoints": copied.endpoints,
    }


def _lines(copied: Copied) -> tuple[tuple[str, object], ...]:
    return (
        ("size", f"{copied.size_bytes / MEGABYTE:,.1f} MB"),
        ("webhooks", f"{copied.webhooks:,}, {copied.waiting:,} of them not final"),
        ("endpoints", f"{copied.endpoints:,}"),
    )
