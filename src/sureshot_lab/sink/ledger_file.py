"""The ledger on disk: chunks of columns with checksums, and an end that proves it whole."""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.sink.ledger import DELIVERED, KIND, UNVERIFIED, Chunk, Kind

MAGIC = b"sureshot ledger 1\n"
HEAD = struct.Struct("<4sIII")
"""What it is, how many rows, how many bytes follow, their CRC-32."""
ROWS, END = b"rows", b"end."
ROW_BYTES = 8 + 8 + 4 + 2 + 1


class Entry(NamedTuple):
    """One row for people; see ``ledger.Chunk`` for its figures."""

    webhook_id: str
    at_us: int
    sent_us: int
    endpoint: int
    status: int
    kind: Kind
    delivered: bool
    unverified: bool


@dataclass(frozen=True)
class SavedLedger:
    """All whole chunks of a file. ``problem`` says what is missing of it, empty if nothing."""

    chunks: list[Chunk]
    problem: str

    def entries(self) -> Iterator[Entry]:
        """Yield every row, in order."""
        for chunk in self.chunks:
            columns = (chunk.at_us, chunk.sent_us, chunk.endpoint, chunk.status, chunk.marks)
            for name, at_us, sent_us, endpoint, status, mark in zip(
                chunk.ids, *columns, strict=True
            ):
                kind = Kind(mark & KIND)
                yield Entry(
                    name.decode("latin-1"),
                    at_us,
                    sent_us,
                    endpoint,
                    status,
                    kind,
                    bool(mark & DELIVERED),
                    bool(mark & UNVERIFIED),
                )


class LedgerWriter:
    """Writes chunks in a thread of its own, so that a slow disk never holds up the sink."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._problem = ""
        self._rows = 0
        self._ended: Future[None] | None = None
        self._thread.submit(self._write, MAGIC)

    @property
    def problem(self) -> str:
        """Why the file is not whole, such as a full disk; empty while it is."""
        return self._problem

    def write(self, chunk: Chunk) -> None:
        """Write *chunk* soon; does not wait."""
        if chunk.ids:
            self._rows += len(chunk.ids)
            self._thread.submit(self._write_chunk, chunk)

    def end(self) -> Future[None]:
        """Write the end and close, once; done when everything is with the operating system."""
        if self._ended is None:
            self._ended = self._thread.submit(self._write_end)
            self._thread.shutdown(wait=False)
        return self._ended

    def _write_chunk(self, chunk: Chunk) -> None:
        ids = b"\n".join(chunk.ids)
        columns = (chunk.at_us, chunk.sent_us, chunk.endpoint, chunk.status, chunk.marks, ids)
        body = b"".join(columns)
        self._write(HEAD.pack(ROWS, len(chunk.ids), len(body), zlib.crc32(body)) + body)

    def _write_end(self) -> None:
        self._write(HEAD.pack(END, self._rows & 0xFFFFFFFF, 0, 0))
        self._file.close()

    def _write(self, data: bytes) -> None:
        # After a failure nothing more: what follows a gap would be read as rubbish.
        if self._problem:
            return
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            self._problem = f"the ledger can't be written: {error}"


def read_ledger(path: Path) -> SavedLedger:
    """Read a ledger, up to where it is whole.

    Raises:
        UnreadableResult: the file is missing, or is no ledger.

    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableResult(f"{path} can't be read: {error.strerror}") from None
    if not data.startswith(MAGIC):
        raise UnreadableResult(f"{path} is not the ledger of a sink: its first line is another")
    chunks: list[Chunk] = []
    rows = 0
    at = len(MAGIC)
    while len(data) - at >= HEAD.size:
        what, count, size_bytes, checksum = HEAD.unpack_from(data, at)
        at += HEAD.size
        if what == END:
            whole = count == rows & 0xFFFFFFFF
            return SavedLedger(chunks, "" if whole else f"{path.name} lacks rows in its middle")
        body = data[at : at + size_bytes]
        if what != ROWS or zlib.crc32(body) != checksum:
            return SavedLedger(chunks, f"{path.name} is cut off or damaged after {rows} rows")
        chunks.append(_chunk(body, count))
        rows += count
        at += size_bytes
    return SavedLedger(chunks, f"{path.name} ends after {rows} rows, without its end")


def _chunk(body: bytes, count: int) -> Chunk:
    at_us, sent_us, endpoint, status = array("Q"), array("Q"), array("I"), array("H")
    at = 0
    for column in (at_us, sent_us, endpoint, status):
        size_bytes = count * column.itemsize
        column.frombytes(body[at : at + size_bytes])
        at += size_bytes
    ids = body[at + count :].split(b"\n")
    return Chunk(ids, at_us, sent_us, endpoint, status, bytearray(body[at : at + count]))
