"""Duplicate fields in a submission: refused, because two readers could take different ones."""

from __future__ import annotations

import functools
import json
from typing import Any

import msgspec

from sureshot.domain.errors import FieldError, InvalidFields, MalformedBody


def check_envelope(body: bytes, payload: bytes, kind: type[msgspec.Struct]) -> None:
    """Raise ``InvalidFields`` when a field of *kind* is given twice in *body*.

    What the payload repeats is its own affair. The usual request is proven
    clean by counting field names outside one copy of the payload; only a
    suspicious one is parsed again.
    """
    envelope = body.replace(payload, b"", 1)
    if b"\\" in envelope:
        _check_exactly(body)
        return
    for name in _quoted_names(kind):
        if envelope.count(name) > 1:
            _check_exactly(body)
            return


@functools.cache
def _quoted_names(kind: type[msgspec.Struct]) -> tuple[bytes, ...]:
    return tuple(f'"{name}"'.encode() for name in kind.__struct_encode_fields__)


class _Pairs(list[Any]):
    """An object as its pairs, to tell it from an array."""


def _check_exactly(body: bytes) -> None:
    # Numbers stay text: a huge one must not become work here.
    try:
        top = json.loads(body, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    except RecursionError as error:
        raise MalformedBody("the body is nested too deep; at most about 1,000 levels") from error
    seen = set[str]()
    for name, _value in top:
        if name in seen:
            raise InvalidFields(FieldError(name, "is given twice"))
        seen.add(name)
