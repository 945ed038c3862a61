"""Recorded traffic without what it says: the same shape, keys and sizes, other values."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.traffic.recording import Record, UnreadableRecording

LOWER, DIGITS, NOT_ZERO = "abcdefghijklmnopqrstuvwxyz", "0123456789", "123456789"
HEXADECIMAL = re.compile(r"(?=.*\d)(?=.*[a-fA-F])(?:[0-9a-f-]{8,}|[0-9A-F-]{8,})\Z")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\Z")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.([^@\s.]+)\Z")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
NUMBER = re.compile(r"(-?)(\d+)(\.\d+)?([eE].*)?\Z")
DATA_KEY = re.compile(r"@|\d{6,}")
"""A key like this is a value that someone used as a key."""
WIDER = {2: (0x00E0, 0x00F6), 3: (0x4E00, 0x9FA5), 4: (0x1F600, 0x1F64F)}
"""By the length of their UTF-8: letters and signs that stand in for others of that length."""


class Anonymiser:
    """Replaces values, each by one of its own type and length in bytes.

    Equal values under one *salt* stay equal, so that what repeats still repeats;
    without the salt nobody can tell which value was replaced by which. Letters become
    letters, digits digits; ids stay hexadecimal, times are valid times, addresses for
    mail end in no existing domain. Kept: keys, punctuation, true, false, null, 0, and
    the exponent of a number. A key that is an address or a long number is replaced too.
    Only a number with an exponent or more than 15 digits may change its length.

    Raises:
        LabError: an empty *salt*, which anyone could guess.

    """

    def __init__(self, salt: str) -> None:
        if not salt:
            raise LabError("the salt is empty: what is replaced could be guessed")
        self._salt = salt.encode()

    def text(self, value: str) -> str:
        """Return what stands in for a string."""
        stream = self._stream(value)
        if MOMENT.match(value):
            return _moment(value, stream)
        if HEXADECIMAL.match(value):
            alphabet = "0123456789ABCDEF" if value.upper() == value else "0123456789abcdef"
            return "".join("-" if c == "-" else alphabet[next(stream) % 16] for c in value)
        scheme = SCHEME.match(value)
        kept = scheme.end() if scheme else 0
        replaced = value[:kept] + "".join(_character(c, stream) for c in value[kept:])
        email = EMAIL.match(value)
        if email is None:
            return replaced
        # zz, zzz ... are no domains and will be none: nobody's address comes out by chance.
        last = "".join(
            "z" if c.isascii() and c.isalpha() else c for c in replaced[email.start(1) :]
        )
        return replaced[: email.start(1)] + last

    def number(self, text: str) -> str:
        """Return what stands in for a number, as JSON writes it: as many digits, same sign."""
        found = NUMBER.match(text)
        if found is None or not text.strip("-0.eE+"):
            return text
        stream = self._stream(text)
        sign, whole, fraction, exponent = found.groups(default="")
        if whole != "0":
            whole = _digits(whole, stream, first_not_zero=True)
        if fraction:
            # The last one not 0 either: a float would lose it.
            fraction = "." + _digits(fraction[:0:-1], stream, first_not_zero=True)[::-1]
        return sign + whole + fraction + exponent

    def payload(self, text: str) -> str:
        """Return what stands in for a JSON object, written without spaces.

        Raises:
            UnreadableRecording: *text* is not JSON, nested too deep, or a number is too long.

        """
        try:
            told = json.loads(
                text,
                parse_int=lambda digits: int(self.number(digits)),
                parse_float=lambda digits: float(self.number(digits)),
            )
            replaced = json.dumps(self._value(told), ensure_ascii=False, separators=(",", ":"))
            replaced.encode()  # half a surrogate pair in a key can't be written
        except (ValueError, RecursionError) as error:
            raise UnreadableRecording(f"a payload cannot be replaced: {error}") from None
        return replaced

    def record(self, record: Record) -> Record:
        """Return *record* with payload and endpoint replaced; time and event type are kept.

        What was written with spaces has as many, at its end: its size is kept as well.
        """
        payload = self.payload(record.payload_text).encode()
        missing = max(0, len(bytes(record.payload)) - len(payload))
        return Record(
            at_s=record.at_s,
            event_type=record.event_type,
            endpoint=self.text(record.endpoint),
            payload=msgspec.Raw(payload[:-1] + b" " * missing + payload[-1:]),
        )

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self._key(key): self._value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item) for item in value]
        return value  # numbers were replaced when they were read

    def _key(self, key: str) -> str:
        return self.text(key) if DATA_KEY.search(key) else key

    def _stream(self, value: str) -> Iterator[int]:
        """Yield bytes that only the salt and *value* determine (HMAC in counter mode)."""
        seed = hmac.digest(self._salt, value.encode(errors="surrogatepass"), hashlib.sha256)
        for counter in itertools.count():
            yield from hmac.digest(seed, counter.to_bytes(8, "big"), hashlib.sha256)


def anonymised(records: Iterable[Record], salt: str) -> Iterator[Record]:
    """Yield *records* replaced, in their order, their times counted from the first one's.

    Raises:
        LabError: as ``Anonymiser``.

    """
    anonymiser = Anonymiser(salt)
    first_at_s: float | None = None
    for record in records:
        if first_at_s is None:
            first_at_s = record.at_s
        replaced = anonymiser.record(record)
        yield msgspec.structs.replace(replaced, at_s=round(record.at_s - first_at_s, 6))


def _digits(digits: str, stream: Iterator[int], *, first_not_zero: bool) -> str:
    alphabets = [NOT_ZERO if first_not_zero and not n else DIGITS for n in range(len(digits))]
    return "".join(alphabet[next(stream) % len(alphabet)] for alphabet in alphabets)


def _character(character: str, stream: Iterator[int]) -> str:
    if character.isascii():
        if character.isdigit():
            return DIGITS[next(stream) % 10]
        if character.isalpha():
            letter = LOWER[next(stream) % 26]
            return letter.upper() if character.isupper() else letter
        return character
    length = len(character.encode(errors="surrogatepass"))
    first, last = WIDER[length]
    drawn = next(stream) << 8 | next(stream)
    return chr(first + drawn % (last - first + 1))


def _moment(value: str, stream: Iterator[int]) -> str:
    """Return a valid moment of this century in the form of *value*; its zone is kept."""
    year, month, day = next(stream) % 100, next(stream) % 12 + 1, next(stream) % 28 + 1
    replaced = f"20{year:02d}-{month:02d}-{day:02d}"
    rest = value[10:]
    clock = re.match(r"([T ])(\d\d):(\d\d)(:\d\d)?(\.\d+)?", rest)
    if clock is None:
        return replaced
    replaced += f"{clock[1]}{next(stream) % 24:02d}:{next(stream) % 60:02d}"
    if clock[4]:
        replaced += f":{next(stream) % 60:02d}"
    if clock[5]:
        replaced += "." + _digits(clock[5][1:], stream, first_not_zero=False)
    return replaced + rest[clock.end() :]
