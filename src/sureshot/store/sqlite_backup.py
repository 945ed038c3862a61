"""Copies of a SQLite file: one taken while it is written to, and one put back in its place."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import msgspec

from sureshot.domain.errors import ConfigurationError, StoreUnavailable
from sureshot.store.sealing import KINDS, Sealer
from sureshot.store.sqlite_file import take_file
from sureshot.store.sqlite_rows import SQL, fetch_one

PAGES_PER_STEP = 4096
BUSY_MS = 5000
SIDE_FILES = ("-wal", "-shm")
"""What SQLite keeps beside a file that is open; of another file they would destroy this one."""

Progress = Callable[[int, int], None]
"""Told now and then how many bytes are copied, of how many."""


class Copied(msgspec.Struct, frozen=True, rename="camel"):
    """What a copy holds; ``waiting`` counts webhooks that are not final."""

    size_bytes: int
    webhooks: int
    waiting: int
    endpoints: int


def back_up(database: Path, copy: Path, sealer: Sealer | None, progress: Progress) -> Copied:
    """Write all that *database* holds at this instant into the new file *copy*.

    A service may write to it meanwhile, at full speed. With a *sealer* its key
    is tried on every secret first. The copy is checked as a whole and appears
    under its name only then; its mode is 0600. Raises ``ConfigurationError``
    when it cannot be read, written or decrypted, ``StoreUnavailable`` when the
    disk is full or broken.
    """
    if copy.exists():
        raise ConfigurationError(f"{copy} exists: give the copy a name of its own")
    unfinished = copy.with_name(f".{copy.name}.{os.getpid()}")
    with _translated(database, copy):
        try:
            os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            copied = _copy(database, unfinished, sealer, progress)
            _check(unfinished)
            unfinished.rename(copy)
            _make_durable(copy)
        finally:
            unfinished.unlink(missing_ok=True)
    return copied


def restore(
    copy: Path, database: Path, sealer: Sealer, stamp: str, progress: Progress, *, paused: bool
) -> tuple[Copied, Path | None]:
    """Put *copy* where *database* is; return what it holds, and where the file before went.

    That one is renamed with *stamp*, never deleted. With *paused* nothing is
    sent until it is resumed. Raises what ``back_up`` raises, and
    ``ConfigurationError`` when a process uses the database.
    """
    lock = take_file(database, "sureshot restore")
    ready = database.with_name(f"{database.name}.restored-{stamp}")
    try:
        copied = back_up(copy, ready, sealer, progress)
        with _translated(copy, database):
            if paused:
                _pause(ready)
            aside = _set_aside(database, f".replaced-{stamp}")
            ready.replace(database)
            _make_durable(database)
        return copied, aside
    finally:
        ready.unlink(missing_ok=True)
        lock.close()


def _copy(database: Path, copy: Path, sealer: Sealer | None, progress: Progress) -> Copied:
    with _opened(database, apsw.SQLITE_OPEN_READONLY) as source:
        # Everything is read in one transaction: a backup whose steps see each other's
        # changes begins anew at every commit of the service, and would never end.
        source.execute("BEGIN")
        size_bytes = int(source.pragma("page_count")) * int(source.pragma("page_size"))
        copied = _count(source, size_bytes)
        if sealer is not None:
            _try_key(source, sealer)
        with _opened(copy, apsw.SQLITE_OPEN_READWRITE) as target:
            with target.backup("main", source, "main") as backup:
                while not backup.done:
                    backup.step(PAGES_PER_STEP)
                    left = backup.remaining / max(1, backup.page_count)
                    progress(round(size_bytes * (1 - left)), size_bytes)
            # One file instead of three, readable where nothing can be written.
            target.pragma("journal_mode", "delete")
    return copied


def _count(source: apsw.Connection, size_bytes: int) -> Copied:
    counts = fetch_one(source, "backup_counts")
    if counts is None:
        raise StoreUnavailable("counting returned nothing", reason="store_unavailable")
    return Copied(size_bytes, *counts)


def _try_key(source: apsw.Connection, sealer: Sealer) -> None:
    for kind in KINDS:
        for key, document in source.execute(SQL["documents"], (kind,)):
            sealer.open(f"{kind} {key}", document)


def _check(copy: Path) -> None:
    with _opened(copy, apsw.SQLITE_OPEN_READONLY) as connection:
        found = connection.pragma("integrity_check")
    if found != "ok":
        raise StoreUnavailable(f"the copy is damaged: {found}", reason="store_unavailable")


def _pause(database: Path) -> None:
    with _opened(database, apsw.SQLITE_OPEN_READWRITE) as connection:
        connection.execute(SQL["put_document"], ("Pause", "all", b"{}"))


def _set_aside(database: Path, suffix: str) -> Path | None:
    if not database.exists():
        return None
    aside = database.with_name(database.name + suffix)
    database.rename(aside)
    for side in SIDE_FILES:
        beside = database.with_name(database.name + side)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + side))
    return aside


def _make_durable(file: Path) -> None:
    """Have the file and its name survive a power cut."""
    for path in (file, file.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _opened(file: Path, flags: int) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(file), flags=flags)
    try:
        connection.set_busy_timeout(BUSY_MS)
        yield connection
    finally:
        connection.close(force=True)


@contextlib.contextmanager
def _translated(source: Path, target: Path) -> Iterator[None]:
    try:
        yield
    except (apsw.CantOpenError, apsw.NotADBError, apsw.SQLError) as error:
        raise ConfigurationError(f"{source} is no database of Sureshot: {error}") from error
    except apsw.Error as error:
        raise StoreUnavailable(f"{source} was not copied: {error}",
                               reason="store_unavailable") from error  # fmt: skip
    except OSError as error:
        raise ConfigurationError(f"cannot write {target}: {error.strerror}") from error
