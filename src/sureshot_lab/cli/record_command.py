"""``sureshot lab traffic record``: what a service was given, as a recording."""

from __future__ import annotations

import contextlib
import re
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from sureshot_lab.cli.options import Token
from sureshot_lab.cli.printing import Json, note, print_json, print_line
from sureshot_lab.errors import LabError

if TYPE_CHECKING:
    from sureshot_lab.traffic.anonymise import Anonymiser
    from sureshot_lab.traffic.history import History, Window
    from sureshot_lab.traffic.recorder import Recorder, Told
    from sureshot_lab.traffic.recording import Record

Show = Callable[["Told"], None]

AGO = re.compile(r"(\d{1,5})([smhd])", re.ASCII)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
STOPPED = 2
SHOWN_EVERY_S = 0.2


def record(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Where to; .gz packs it.")],
    target: Annotated[
        str, typer.Option(envvar="SURESHOT_URL", metavar="URL", help="The service that was used.")
    ],
    token: Token = "",
    since: Annotated[
        str, typer.Option(metavar="T", help="Created since: an instant, or how long ago: 90m, 2d.")
    ] = "1h",
    until: Annotated[
        str, typer.Option(metavar="T", help="Created before, likewise; 0s is now.")
    ] = "0s",
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The newest N of them at most.")
    ] = None,
    salt: Annotated[
        str | None,
        typer.Option(
            envvar="SURESHOT_LAB_SALT", help="A secret; same salt, same values. Else a random one."
        ),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Keep every value as it was: customers' data in a file.")
    ] = False,
    per_second: Annotated[
        float, typer.Option(help="Requests a second at most, of 200 webhooks or 1 MiB each.")
    ] = 5.0,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds a service may be away before it is given up.")
    ] = 30.0,
    as_json: Json = False,
) -> None:
    """Record the traffic a service had, to replay it elsewhere.

    It is read from the service's own history, newest first, so nothing stands in the way
    of live traffic; nothing is changed there. It asks on one connection, --per-second
    times at most, and rests as long as each answer took. The token needs the scope read;
    the recording is of its tenant.

    Values are made anonymous as they are read, as `anonymise` does. Without --salt the salt
    is random and thrown away. Kept are when, event type, endpoint and payload: no headers,
    methods, keys or times of delivery. Payloads that are no JSON objects are left out and
    counted. A batch or an event is what it became: its webhooks, one by one.

    A service that goes away is asked again for --patience seconds. There is a whole file
    or none: exit code 3 when it could not be made, 2 when it was stopped.
    """
    from sureshot_lab.traffic.history import History, Pace  # noqa: PLC0415 - slow to load
    from sureshot_lab.traffic.recorder import Recorder  # noqa: PLC0415

    window = window_of(since, until, datetime.now(UTC))
    anonymiser = _anonymiser(output, salt, raw=raw)
    history = History(target, token, Pace(per_second, patience), waiting=note)
    recorder = Recorder(window.since, anonymiser)
    took_s = _made(output, history, recorder, window, limit, quiet=as_json)
    if as_json:
        print_json(_described(recorder.told, output, window, raw=raw) | {"seconds": took_s})
    else:
        _print(recorder.told, output, raw=raw, kept=salt is not None)
        print_line(f"{history.requests:,} requests in {took_s:,.1f} s")


def _made(
    output: Path, history: History, recorder: Recorder, window: Window, limit: int | None,
    *, quiet: bool,
) -> float:  # fmt: skip
    """Write the recording, all or nothing; return the seconds it took."""
    began_s = time.monotonic()
    with _all_or_nothing(output), _progress(window, limit, quiet=quiet) as show:
        records = recorder.records(history.webhooks(window), limit)
        _write(output, _shown(records, recorder.told, show), recorder.told, window)
    return time.monotonic() - began_s


def _anonymiser(output: Path, salt: str | None, *, raw: bool) -> Anonymiser | None:
    """Return what replaces the values; None keeps them, which is said."""
    from sureshot_lab.traffic.anonymise import Anonymiser  # noqa: PLC0415 - slow to load

    if not raw:
        return Anonymiser(secrets.token_hex(32) if salt is None else salt)
    if salt is not None:
        raise LabError(
            "--raw keeps every value, a salt replaces it: give --raw or SURESHOT_LAB_SALT"
        )
    note(f"--raw: {output} will hold the payloads and urls as they are, secrets and all")
    return None


def window_of(since: str, until: str, now: datetime) -> Window:
    """Return the window between two instants, each as ISO 8601 or as how long ago.

    Raises:
        LabError: neither of both, no offset, or *since* is not before *until*.

    """
    from sureshot_lab.traffic.history import Window  # noqa: PLC0415 - slow to load

    window = Window(_instant(since, now, "--since"), _instant(until, now, "--until"))
    if window.since >= window.until:
        raise LabError(f"--since {since} must be before --until {until}")
    return window


def _instant(text: str, now: datetime, option: str) -> datetime:
    ago = AGO.fullmatch(text)
    if ago is not None:
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise LabError(
            f"{option} {text!r}: write an instant with its offset, such as 2030-01-31T12:00:00Z, "
            "or how long ago: 90m, 6h, 2d"
        )
    return at


def _write(output: Path, records: Iterator[Record], told: Told, window: Window) -> None:
    from sureshot_lab.traffic.recording import write_records  # noqa: PLC0415 - slow to load

    def some() -> Iterator[Record]:
        yield from records
        if not told.recorded:
            # Raised while the file is written, so that none is left.
            raise LabError(
                f"nothing to record: {_left_out(told) or 'no webhook was created'} "
                f"from {window.since:%Y-%m-%d %H:%M:%S%z} to {window.until:%Y-%m-%d %H:%M:%S%z}"
            )

    try:
        write_records(output, some())
    except OSError as error:
        raise LabError(f"{output} cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def _all_or_nothing(output: Path) -> Iterator[None]:
    """End in order on Ctrl-C and on SIGTERM: what was written so far is thrown away."""

    def stop(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    # SIGINT too: a shell has it ignored in what it starts in the background.
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        note(f"stopped: {output} was not made")
        raise typer.Exit(STOPPED) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _progress(window: Window, limit: int | None, *, quiet: bool) -> Iterator[Show]:
    """Yield what draws how far it is; nothing is drawn where nobody sees it."""
    from rich.console import Console  # noqa: PLC0415 - slow to load
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    hidden = quiet or not sys.stderr.isatty()
    with Progress(*columns, console=console, disable=hidden, transient=True) as progress:
        task = progress.add_task("", total=1.0)

        def show(told: Told) -> None:
            seen = f"{told.recorded:,} webhooks, {told.payload_bytes / 1e6:,.1f} MB"
            progress.update(task, completed=share_done(told, window, limit), description=seen)

        yield show


def share_done(told: Told, window: Window, limit: int | None) -> float:
    """Return how much of *window*, or of *limit*, was gone through: 0 to 1."""
    by_count = told.recorded / limit if limit else 0.0
    by_time = 0.0
    if told.oldest_at is not None:
        by_time = (window.until - told.oldest_at) / (window.until - window.since)
    return min(1.0, max(by_count, by_time))


def _shown(records: Iterator[Record], told: Told, show: Show) -> Iterator[Record]:
    next_s = 0.0
    for one in records:
        if time.monotonic() >= next_s:
            show(told)
            next_s = time.monotonic() + SHOWN_EVERY_S
        yield one


def _described(told: Told, output: Path, window: Window, *, raw: bool) -> dict[str, Any]:
    return {
        "webhooks": told.recorded,
        "payload_bytes": told.payload_bytes,
        "file": str(output),
        "anonymous": not raw,
        "since": window.since,
        "until": window.until,
        "left_out": dict(told.left_out),
        "other_methods": told.other_methods,
        "together": told.together,
    }


def _left_out(told: Told) -> str:
    return "; ".join(f"{count:,} left out: {why}" for why, count in told.left_out.items())


def _print(told: Told, output: Path, *, raw: bool, kept: bool) -> None:
    how = "anonymous, under your salt" if kept else "anonymous, its salt thrown away"
    print_line(f"{told.recorded:,} webhooks in {output}, {'AS THEY WERE' if raw else how}")
    if told.left_out:
        print_line(_left_out(told))
    if told.other_methods:
        print_line(f"{told.other_methods:,} were not sent by POST; a replay sends them by POST")
    if told.together:
        print_line(
            f"{told.together:,} came in the same millisecond as another, as batches and events do; "
            "a replay submits them one by one"
        )
